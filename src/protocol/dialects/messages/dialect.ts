import type { Dialect } from '../dialect.ts'
import { decodeAnswer, encodeAnswer } from './answer.ts'
import { decodeCount, encodeCount } from './count-tokens.ts'
import { decodeError } from './error.ts'
import { encodeError, encodeStreamError } from './error-encode.ts'
import { fieldName } from './field-name.ts'
import { wireToolName } from './names.ts'
import { decodeRequest } from './request.ts'
import { encodeRequest } from './request-encode.ts'
import { decodeStream } from './stream.ts'
import { encodeStream } from './stream-encode.ts'
import { decodeUsage } from './usage.ts'

/** Anthropic Messages, both sides. */
export const messages: Dialect = {
  name: 'messages',
  client: {
    decodeRequest,
    encodeAnswer,
    encodeStream,
    encodeError,
    encodeStreamError,
    keepAlive: 'event: ping\ndata: {"type": "ping"}\n\n',
    fieldName,
  },
  upstream: {
    encodeRequest,
    decodeAnswer,
    decodeStream,
    decodeError,
    wireToolName,
    encodeCount,
    decodeCount,
  },
  decodeUsage,
}
