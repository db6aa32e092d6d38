import { expect, test } from 'bun:test'
import { Deliveries } from './deliveries.ts'

async function until(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 5_000
  while (!holds()) {
    if (performance.now() > deadline) throw new Error('it did not come to hold within 5 s')
    await Bun.sleep(2)
  }
}

test('what could not be told is told in its order when the store is back, once', async () => {
  const told: number[] = []
  let up = false
  let tries = 0
  const deliveries = new Deliveries({ now: () => 0, everyMs: 5 })
  for (const number of [1, 2, 3])
    deliveries.add(async () => {
      tries += 1
      if (!up) throw new Error('down')
      told.push(number)
    }, 1)
  await until(() => tries > 3)
  expect(told).toEqual([])
  // Only the first is tried while it fails.
  expect(deliveries.count).toBe(3)
  up = true
  await until(() => deliveries.count === 0)
  expect(told).toEqual([1, 2, 3])
})

test('what is of no use any more is not told', async () => {
  let now = 0
  const told: string[] = []
  const deliveries = new Deliveries({ now: () => now, everyMs: 5 })
  deliveries.add(async () => void told.push('late'), 10)
  deliveries.add(async () => void told.push('in time'), 100)
  now = 10
  await until(() => deliveries.count === 0)
  expect(told).toEqual(['in time'])
})

test('is bounded in number and in bytes, the oldest go first', async () => {
  const told: number[] = []
  const few = new Deliveries({ now: () => 0, everyMs: 5, maximumBytes: 10_000 })
  for (let number = 0; number < 20; number += 1) few.add(async () => void told.push(number), 1, 1_800)
  expect(few.count).toBe(5)
  await until(() => few.count === 0)
  expect(told).toEqual([15, 16, 17, 18, 19])
  const many = new Deliveries({ now: () => 0, everyMs: 60_000 })
  for (let number = 0; number < 5_000; number += 1) many.add(async () => {}, 1)
  expect(many.count).toBe(2_000)
  many.close()
})
