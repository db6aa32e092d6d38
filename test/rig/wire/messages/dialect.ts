import type { WireDialect } from '../dialect.ts'
import { encodeMessage } from './answer.ts'
import { messagesRules } from './check.ts'
import { messagesError, messagesErrorEvent } from './error.ts'
import { readMessages } from './read.ts'
import { streamMessage } from './stream.ts'

export const messages: WireDialect = {
  read: readMessages,
  rules: messagesRules,
  answer: encodeMessage,
  stream: streamMessage,
  error: messagesError,
  errorEvent: messagesErrorEvent,
  headers: (serial) => [
    ['request-id', `req_rig${serial}`],
    ['anthropic-organization-id', 'org-rig'],
    ['anthropic-ratelimit-requests-limit', '4000'],
    ['anthropic-ratelimit-requests-remaining', '3999'],
    ['anthropic-ratelimit-requests-reset', '2026-11-20T08:00:00Z'],
  ],
}
