import { GatewayError } from '../protocol/model/error.ts'
import type { AnswerEvent } from '../protocol/model/event.ts'
import type { ChatRequest, FunctionTool } from '../protocol/model/request.ts'
import { estimateTextTokens } from './estimate.ts'
import type { LocalCall, LocalProvider } from './provider.ts'

/** Waits between two words; returns early when the caller leaves. */
export type Pause = (signal: AbortSignal) => Promise<void>

const wordMilliseconds = 30

const pause: Pause = (signal) =>
  new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, wordMilliseconds)
    signal.addEventListener('abort', done, { once: true })
  })

const longestEcho = 400

/** The text of the last user turn, and the result of a tool when that is what it holds. */
function lastWords(request: ChatRequest): { text: string; toolResult?: string } {
  const last = request.messages.findLast(({ role }) => role === 'user')
  const result = last?.content.find((block) => block.type === 'tool-result')
  const text = texts(last?.content ?? [])
  return result ? { text, toolResult: texts(result.content) } : { text }
}

function texts(blocks: ChatRequest['messages'][number]['content']): string {
  return blocks
    .flatMap((block) => (block.type === 'text' ? [block.text] : []))
    .join('\n')
    .trim()
}

function cut(text: string): string {
  const characters = [...text]
  return characters.length > longestEcho ? `${characters.slice(0, longestEcho).join('')}…` : text
}

/** `call <tool> {json}` in the user's text, when that tool is offered and may be called. */
function wantedCall(request: ChatRequest, text: string): { tool: FunctionTool; json: string } | undefined {
  if (request.toolChoice?.type === 'none') return undefined
  for (const tool of request.tools ?? []) {
    if (tool.type !== 'function') continue
    const start = text.search(new RegExp(`\\bcall\\s+${RegExp.escape(tool.name)}(?![\\w-])`, 'i'))
    if (start >= 0) return { tool, json: jsonIn(text.slice(start)) }
  }
  return undefined
}

/** The object that follows, or an empty one. */
function jsonIn(text: string): string {
  const candidate = text.match(/\{[\s\S]*\}/)?.[0] ?? '{}'
  try {
    return JSON.stringify(JSON.parse(candidate))
  } catch {
    return '{}'
  }
}

function answerText(request: ChatRequest): string {
  const { text, toolResult } = lastWords(request)
  const label =
    'This is the demonstration model demo/echo of XiaojinPro Gateway (演示模型): no provider is configured, and nothing left this machine.'
  if (toolResult !== undefined) return `${label} The tool answered: ${cut(toolResult)}`
  return text === '' ? label : `${label} You wrote: ${cut(text)}`
}

const words = new Intl.Segmenter('zh', { granularity: 'word' })

/** Words with the blanks and signs that follow them, so that joined they are the text again. */
function pieces(text: string): string[] {
  const found: string[] = []
  for (const { segment, isWordLike } of words.segment(text)) {
    if (isWordLike || found.length === 0) found.push(segment)
    else found.push((found.pop() ?? '') + segment)
  }
  return found
}

async function* say(call: LocalCall, text: string, wait: Pause): AsyncGenerator<AnswerEvent[], number> {
  const bound = call.request.maxOutputTokens ?? Number.POSITIVE_INFINITY
  let said = 0
  yield [{ type: 'block-start', index: 0, block: { type: 'text', text: '' } }]
  for (const piece of pieces(text)) {
    if (call.signal.aborted) throw new GatewayError('client_closed', 'The client left')
    said += estimateTextTokens(piece)
    if (said > bound) break
    yield [{ type: 'block-delta', index: 0, delta: { type: 'text', text: piece } }]
    await wait(call.signal)
  }
  yield [{ type: 'block-end', index: 0 }]
  return said
}

function callTool(call: LocalCall, tool: FunctionTool, json: string): AnswerEvent[] {
  const block = {
    type: 'tool-call',
    kind: 'function',
    id: `call_${call.newId()}`,
    name: tool.name,
    arguments: '',
  } as const
  return [
    { type: 'block-start', index: 0, block },
    { type: 'block-delta', index: 0, delta: { type: 'text', text: json } },
    { type: 'block-end', index: 0 },
  ]
}

/** Counted by us, and said so. */
function ending(call: LocalCall, spoken: number, reason: 'stop' | 'length' | 'tool-calls'): AnswerEvent[] {
  const prompt = call.request.messages.map(({ content }) => texts(content)).join('\n')
  const usage = {
    inputTokens: Math.ceil(estimateTextTokens(prompt)),
    outputTokens: Math.ceil(spoken),
    estimated: true,
  }
  return [
    { type: 'usage', usage },
    { type: 'answer-end', finishes: [{ reason }] },
  ]
}

/** A model that needs no provider: it says what it is and repeats what it was told. */
export function createDemo(wait: Pause): LocalProvider {
  return {
    kind: 'local',
    id: 'demo',
    displayName: 'Demonstration',
    models: ['echo'],
    async *open(call) {
      yield [{ type: 'answer-start', id: call.newId(), model: call.model, created: call.now }]
      const { text } = lastWords(call.request)
      const wanted = wantedCall(call.request, text)
      if (wanted) {
        yield callTool(call, wanted.tool, wanted.json)
        yield ending(call, estimateTextTokens(wanted.json), 'tool-calls')
        return
      }
      const spoken = yield* say(call, answerText(call.request), wait)
      const bound = call.request.maxOutputTokens ?? Number.POSITIVE_INFINITY
      yield ending(call, Math.min(spoken, bound), spoken > bound ? 'length' : 'stop')
    },
  }
}

export const demo = createDemo(pause)
