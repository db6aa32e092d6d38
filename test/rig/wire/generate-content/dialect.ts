import type { WireDialect } from '../dialect.ts'
import { encodeGenerate } from './answer.ts'
import { generateRules } from './check.ts'
import { generateError, generateErrorEvent, generateStatus } from './error.ts'
import { readGenerate } from './read.ts'
import { asJsonArray, streamGenerate } from './stream.ts'

export const generateContent: WireDialect = {
  read: readGenerate,
  rules: generateRules,
  answer: encodeGenerate,
  stream: (performance, stage) => {
    const events = streamGenerate(performance, stage)
    return stage.request.query.get('alt') === 'sse' ? events : asJsonArray(events)
  },
  status: generateStatus,
  error: generateError,
  errorEvent: generateErrorEvent,
  headers: () => [['server-timing', 'gfet4t7; dur=5']],
}
