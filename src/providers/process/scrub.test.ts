import { expect, test } from 'bun:test'
import { scrub } from './scrub.ts'

test.each([
  ['token hunter2hunter2 is wrong', 'token [redacted] is wrong'],
  ['key sk-ant-api03-abcdefgh!', 'key [redacted]!'],
  ['AIzaSyA-0123456789 and XJP_0123456789', '[redacted] and [redacted]'],
  ['Authorization: Bearer abc.def', 'Authorization: Bearer [redacted]'],
  ['model task-runner not found in /models/sky-7b', 'model task-runner not found in /models/sky-7b'],
  ['a b', 'a b'],
])('%s → %s', (text, clean) => {
  expect(scrub(text, ['hunter2hunter2', undefined, 'b'])).toBe(clean)
})
