import { canonical, type Fields, fields, isFields, parseJson } from '../json.ts'
import {
  allMedia,
  type Conversation,
  lastAssistant,
  type Media,
  pendingResults,
  userTexts,
} from '../wire/conversation.ts'
import type { Bill, Performance, Piece, Take } from './performance.ts'
import { sample, sampleArguments } from './sample.ts'

/** `argument` is the number after `@` in a marker: `[scene:long@60]`. */
export type Scene = (conversation: Conversation, argument: number | undefined) => Partial<Performance>

export const PLAIN_TEXT = 'The quick brown fox jumps over the lazy dog.'

/** Scripts, an emoji sequence, a combining mark, and text that looks like framing. */
export const UNICODE_TEXT =
  '你好，世界！👩‍👩‍👧‍👦 e\u0301 ü\u2028\n\ndata: [DONE]\nevent: message_stop\n\\u0041 "quoted" \t\u{1F680}ends'

export const THINKING_TEXT = 'Let me think: 二加二 makes 4.'
export const REFUSAL_TEXT = 'I cannot help with that.'
export const STOP_TEXT = 'one two three four five six seven eight nine ten'
export const LENGTH_TEXT = 'This answer goes on and on, '.repeat(20)

/** The figures of the `usage` scene; each wire reports them in its own way of counting. */
export const USAGE_BILL: Bill = { input: 1000, cacheRead: 640, cacheWrite: 128, output: 50, reasoning: 12 }

const say = (text: string): Piece => ({ type: 'text', text })
const think: Piece = { type: 'thinking', text: THINKING_TEXT }

function take(pieces: Piece[], finish: Take['finish'] = 'stop'): Partial<Performance> {
  return { takes: [{ pieces, finish }] }
}

function describeMedia(media: Media): Fields {
  const size = media.form === 'url' ? media.value : media.value.length
  return {
    kind: media.kind,
    form: media.form,
    type: media.mediaType,
    [media.form === 'url' ? 'url' : 'size']: size,
  }
}

/** What became of the reasoning state of the last assistant turn, in one word. */
export function stateOf(conversation: Conversation): string {
  const states = (lastAssistant(conversation)?.parts ?? []).flatMap((part) =>
    part.type === 'thinking' || part.type === 'call' ? [part.state] : [],
  )
  for (const state of ['foreign', 'own', 'sentinel'] as const) if (states.includes(state)) return state
  return 'missing'
}

/** The text that answers tool results: it repeats them, so that a client can see what arrived. */
export function resultsText(conversation: Conversation): string {
  const results = pendingResults(conversation).map((result) => {
    const media = result.media.length === 0 ? '' : ` ${canonical(result.media.map(describeMedia))}`
    return `${result.isError ? 'error' : 'result'}: ${result.text}${media}`
  })
  return `${results.join('\n')}\nstate: ${stateOf(conversation)}`
}

/** A model that is given no schema follows the one that it is told in words. */
function schemaIn(system: string): Fields | undefined {
  const start = system.indexOf('{')
  const found = start < 0 ? undefined : parseJson(system.slice(start, system.lastIndexOf('}') + 1))
  return isFields(found) ? found : undefined
}

function calls(conversation: Conversation, count: number): Piece[] {
  const tools = conversation.tools
  return Array.from({ length: tools.length === 0 ? 0 : count }, (_, index): Piece => {
    const tool = tools[index % tools.length]
    return { type: 'call', name: tool?.name ?? '', arguments: sampleArguments(tool?.schema ?? {}) }
  })
}

/** Calls tools first; once their results are there, repeats them. */
function toolScene(count: number, before: Piece[] = []): Scene {
  return (conversation) => {
    if (pendingResults(conversation).length > 0) return take([say(resultsText(conversation))])
    const made = calls(conversation, conversation.toolChoice === 'none' ? 0 : count)
    return made.length === 0 ? take([say('No tool was offered.')]) : take([...before, ...made], 'tools')
  }
}

/** Asks an agent's own tool for the file named by `[file:PATH]`; once it is there, repeats what it holds. */
const readFile: Scene = (conversation) => {
  if (pendingResults(conversation).length > 0) return take([say(resultsText(conversation))])
  const path = userTexts(conversation)
    .map((text) => /\[file:([^\]]+)\]/.exec(text)?.[1])
    .findLast((found) => found !== undefined)
  const tool = conversation.tools.find(({ name }) => /^read(_file)?$/i.test(name))
  if (tool === undefined || path === undefined) return take([say(PLAIN_TEXT)])
  const [parameter = 'path'] = Object.keys(fields(tool.schema['properties'])).filter((name) =>
    /path/.test(name),
  )
  return take(
    [think, say('I will read it.'), { type: 'call', name: tool.name, arguments: { [parameter]: path } }],
    'tools',
  )
}

function failing(when: 'before' | 'first' | 'middle', status: number, message: string): Partial<Performance> {
  return {
    ...take([say(PLAIN_TEXT)]),
    failure: { when, status, message, retryAfterSeconds: status === 429 ? 1 : undefined },
  }
}

export const scenes: Record<string, Scene> = {
  text: () => take([say(PLAIN_TEXT)]),
  unicode: () => take([say(UNICODE_TEXT)]),
  silent: () => take([]),
  tool: toolScene(1),
  'read-file': readFile,
  'text-and-tool': toolScene(1, [say('Let me look that up.')]),
  'parallel-tools': toolScene(2, [say('I will ask two things.')]),
  thinking: (conversation) => take([think, say(`state: ${stateOf(conversation)}`)]),
  'redacted-thinking': () =>
    take([{ type: 'thinking', text: THINKING_TEXT, redacted: true }, say(PLAIN_TEXT)]),
  'thinking-tool': toolScene(1, [think]),
  'thinking-parallel-tools': toolScene(2, [think]),
  structured: (conversation) => {
    const schema = conversation.schema ?? schemaIn(conversation.system)
    return take([say(schema === undefined ? 'No schema was given.' : JSON.stringify(sample(schema)))])
  },
  refusal: () => take([{ type: 'refusal', text: REFUSAL_TEXT }], 'refusal'),
  length: () => take([say(LENGTH_TEXT)]),
  stop: () => take([say(STOP_TEXT)]),
  usage: () => ({ ...take([think, say(PLAIN_TEXT)]), bill: USAGE_BILL }),
  media: (conversation) => take([say(canonical(allMedia(conversation).map(describeMedia)))]),
  system: (conversation) => take([say(`system: ${conversation.system}`)]),
  long: (_, count = 60) =>
    take([say(Array.from({ length: count }, (_unused, index) => `第${index} piece. `).join(''))]),
  'big-event': (_, size = 2_000_000) => take([{ type: 'text', text: 'x'.repeat(size), whole: true }]),
  error: (_, status = 500) => failing('before', status, `The rig was told to answer ${status}.`),
  'error-first': (_, status = 529) => failing('first', status, 'Overloaded, says the rig.'),
  'error-middle': (_, status = 500) => failing('middle', status, 'The rig broke down half-way.'),
}
