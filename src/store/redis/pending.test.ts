import { expect, test } from 'bun:test'
import { PendingCommands } from './pending.ts'

const TIMEOUT = 30

function commands() {
  const silences: number[] = []
  const pending: PendingCommands = new PendingCommands({
    monotonic: () => performance.now(),
    late: () => new Error('late'),
    onSilence: () => {
      silences.push(pending.size)
      pending.failAll(new Error('lost'))
    },
  })
  return { pending, silences }
}

test('a server that says nothing is lost for all that wait', async () => {
  const { pending, silences } = commands()
  const never = new Promise<unknown>(() => {})
  const outcomes = await Promise.allSettled([pending.add(never, TIMEOUT), pending.add(never, TIMEOUT)])
  expect(outcomes.map((outcome) => outcome.status === 'rejected' && String(outcome.reason))).toEqual([
    'Error: lost',
    'Error: lost',
  ])
  expect(silences).toEqual([2])
})

test('a server that answers others is busy: only the late command fails, and its answer goes nowhere', async () => {
  const { pending, silences } = commands()
  const slow = Promise.withResolvers<unknown>()
  const late = pending.add(slow.promise, TIMEOUT)
  const other = Promise.withResolvers<unknown>()
  const answered = pending.add(other.promise, 10 * TIMEOUT)
  // Both are written at the end of this turn of the loop.
  setImmediate(() => setImmediate(() => other.resolve('yes')))
  expect(await answered).toBe('yes')
  await expect(late).rejects.toThrow('late')
  expect({ silences, waiting: pending.size }).toEqual({ silences: [], waiting: 0 })
  slow.resolve('too late')
  await expect(late).rejects.toThrow('late')
})

test('our own standstill is not held against the server', async () => {
  const { pending, silences } = commands()
  const answer = Promise.withResolvers<unknown>()
  const command = pending.add(answer.promise, TIMEOUT)
  await new Promise((resolve) => setImmediate(resolve))
  const until = performance.now() + 3 * TIMEOUT
  while (performance.now() < until);
  // The answer came meanwhile and is read in the next turn.
  setTimeout(() => answer.resolve('in time'), 0)
  expect(await command).toBe('in time')
  expect(silences).toEqual([])
})

test('an error of the server is an answer', async () => {
  const { pending } = commands()
  await expect(pending.add(Promise.reject(new Error('WRONGTYPE')), TIMEOUT)).rejects.toThrow('WRONGTYPE')
  expect(pending.size).toBe(0)
})
