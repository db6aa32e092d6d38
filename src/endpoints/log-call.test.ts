import { expect, test } from 'bun:test'
import { callWith } from '../policies/testing.ts'
import type { Gateway } from './gateway.ts'
import { endCall } from './log-call.ts'

test('an end that fails keeps no slot and hides no line of the log', () => {
  const said: string[] = []
  const say = (message: string): void => void said.push(message)
  const gateway: Partial<Gateway> = {
    log: { info: say, warn: say, error: say } as unknown as Gateway['log'],
  }
  const done: string[] = []
  const fails = (): void => {
    throw new RangeError('Not an integer')
  }
  const ends = [() => done.push('first'), fails, () => done.push('slot')]
  const snapshot: Partial<Gateway['snapshot'] & { version: string }> = { version: 'v' }
  const identity = { tenant: 'acme' }
  const call = callWith({ identity, ends: ends as (() => void)[], snapshot: snapshot as never })
  endCall(gateway as Gateway, call)
  expect(done).toEqual(['first', 'slot'])
  expect(said).toEqual(['a call could not be concluded', 'request'])
})
