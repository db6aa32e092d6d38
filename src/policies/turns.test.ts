import { expect, test } from 'bun:test'
import type { Call, Reply } from '../pipeline/call.ts'
import { turns } from './turns.ts'

const reply: Reply = { status: 200, headers: {}, body: '' }
const callOf = (bytes: number): Call => ({ body: new Uint8Array(bytes) }) as Call

test('others have their turn before a large body is worked on, and only then', async () => {
  const seen: string[] = []
  const handler = turns(async () => {
    seen.push('work')
    return reply
  })
  setImmediate(() => seen.push('others'))
  await handler(callOf(1_000))
  expect(seen).toEqual(['work'])
  await handler(callOf(2_000_000))
  expect(seen).toEqual(['work', 'others', 'work'])
})
