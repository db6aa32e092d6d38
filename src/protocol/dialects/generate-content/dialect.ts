import type { Dialect } from '../dialect.ts'
import { decodeAnswer } from './answer.ts'
import { decodeCount, encodeCount } from './count-tokens.ts'
import { decodeError } from './error.ts'
import { wireToolName } from './names.ts'
import { encodeRequest } from './request.ts'
import { decodeStream } from './stream.ts'
import { decodeUsage } from './usage.ts'
import { DIALECT } from './wire.ts'

/** Gemini API and Vertex AI: `generateContent` and `streamGenerateContent?alt=sse` (protocol.md §1.4, §5.3). */
export const generateContent: Dialect = {
  name: DIALECT,
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
