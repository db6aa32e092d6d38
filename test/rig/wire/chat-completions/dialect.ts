import type { WireDialect } from '../dialect.ts'
import { encodeChat } from './answer.ts'
import { chatRules } from './check.ts'
import { chatError, chatErrorEvent } from './error.ts'
import { readChat } from './read.ts'
import { streamChat } from './stream.ts'

export const chatCompletions: WireDialect = {
  read: readChat,
  rules: chatRules,
  answer: encodeChat,
  stream: streamChat,
  error: chatError,
  errorEvent: chatErrorEvent,
  headers: (serial) => [
    ['x-request-id', `req_rig${serial}`],
    ['openai-processing-ms', '5'],
    ['x-ratelimit-limit-requests', '500'],
    ['x-ratelimit-remaining-requests', '499'],
    ['x-ratelimit-reset-requests', '120ms'],
  ],
}
