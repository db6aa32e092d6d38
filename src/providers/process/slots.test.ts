import { describe, expect, test } from 'bun:test'
import { Slots } from './slots.ts'

const never = new AbortController().signal

/** Promise L7. */
describe('slots', () => {
  test('never more than the places, in the order of coming', async () => {
    const slots = new Slots(2, 100)
    const order: number[] = []
    let running = 0
    let most = 0
    await Promise.all(
      Array.from({ length: 50 }, async (_, index) => {
        const free = await slots.take(60_000, never)
        running += 1
        most = Math.max(most, running)
        order.push(index)
        await Promise.resolve()
        running -= 1
        free()
        free()
      }),
    )
    expect(most).toBe(2)
    expect(order).toEqual(Array.from({ length: 50 }, (_, index) => index))
    expect(slots.taken).toBe(0)
  })

  test('a full line refuses with 503 and when to come again', async () => {
    const slots = new Slots(1, 1)
    const free = await slots.take(60_000, never)
    const second = slots.take(60_000, never)
    const third = slots.take(60_000, never)
    await expect(third).rejects.toMatchObject({
      kind: 'overloaded',
      details: { retryAfterSeconds: 5, blameless: true },
    })
    free()
    ;(await second)()
    expect(slots.taken).toBe(0)
  })

  test('waiting has an end, by patience and by the caller', async () => {
    const slots = new Slots(1, 10)
    const free = await slots.take(60_000, never)
    const leaving = new AbortController()
    const waiting = Promise.allSettled([slots.take(1, never), slots.take(60_000, leaving.signal)])
    leaving.abort()
    expect(await waiting).toMatchObject([
      { status: 'rejected', reason: { kind: 'overloaded' } },
      { status: 'rejected', reason: { kind: 'client_closed' } },
    ])
    await expect(slots.take(60_000, AbortSignal.abort())).rejects.toMatchObject({ kind: 'client_closed' })
    free()
    expect(slots.taken).toBe(0)
    ;(await slots.take(1, never))()
  })
})
