import type { Answer } from '../../model/answer.ts'
import { argumentsObject } from '../../model/arguments.ts'
import type { Block, TextBlock } from '../../model/block.ts'
import { GatewayError } from '../../model/error.ts'
import type { AnswerEvent } from '../../model/event.ts'
import { expand } from '../../model/expand.ts'
import { isObject, type Json, type JsonObject, rest } from '../../model/json.ts'
import { textOf } from '../../model/loose.ts'
import { at } from '../../model/read.ts'
import type { AnswerContext, DecodeContext, EncodedAnswer } from '../dialect.ts'
import { AnswerParts } from './answer-parts.ts'
import {
  redactedBlock,
  serverCall,
  textBlock,
  thinkingBlock,
  toolCall,
  unknownBlock,
  wholeWire,
} from './blocks.ts'
import { errorOfBody } from './error.ts'
import { decodeFinish, encodeFinish } from './finish.ts'
import { decodeUsage, encodeUsage } from './usage.ts'
import { answerKeys, DIALECT, EVENTS, JSON_TOOL, own, serverCallTypes } from './wire.ts'

/** A whole answer. Bare messages without id or usage are taken too (protocol.md §5.1). */
export function decodeAnswer(body: JsonObject, context: DecodeContext): AnswerEvent[] {
  if (body.type === 'error' || (isObject(body.error) && body.content === undefined))
    throw errorOfBody(body, JSON.stringify(body))
  const content: Json =
    typeof body.content === 'string' ? [{ type: 'text', text: body.content }] : (body.content ?? null)
  if (!Array.isArray(content))
    throw new GatewayError(
      'upstream_invalid',
      'The upstream answer has no content array: it is not a message',
    )
  const wires = content.filter(isObject)
  if (wires.length < content.length)
    throw new GatewayError('upstream_invalid', 'The upstream answer has content that is not a list of blocks')
  const answer: Answer = {
    candidates: [
      {
        blocks: wires.map((wire) => decodeBlock(wire, context)),
        finish: decodeFinish(body, onlyJsonTool(wires)),
      },
    ],
  }
  if (typeof body.id === 'string') answer.id = body.id
  if (typeof body.model === 'string') answer.model = body.model
  if (isObject(body.usage)) answer.usage = decodeUsage(body.usage)
  const others = rest(body, answerKeys)
  if (others) answer.extensions = { messages: others }
  return expand(answer)
}

function onlyJsonTool(wires: readonly JsonObject[]): boolean {
  const calls = wires.filter((wire) => wire.type === 'tool_use')
  return calls.length > 0 && calls.every((wire) => wire.name === JSON_TOOL)
}

type BlockDecoder = (wire: JsonObject, context: DecodeContext) => Block

const decoders: ReadonlyMap<Json | undefined, BlockDecoder> = new Map<string, BlockDecoder>([
  ['text', (wire) => textBlock(wire)],
  ['thinking', (wire, { maker }) => thinkingBlock(wire, maker)],
  ['redacted_thinking', (wire, { maker }) => redactedBlock(wire, maker)],
  ['tool_use', decodeToolUse],
])

/** One block of an answer as the model's; the hidden JSON tool's call is the text it stands for. */
export function decodeBlock(wire: JsonObject, context: DecodeContext): Block {
  const decoder = decoders.get(wire.type)
  if (decoder) return decoder(wire, context)
  return serverCallTypes.has(textOf(wire.type)) ? serverCall(wire) : unknownBlock(wire)
}

function decodeToolUse(wire: JsonObject, context: DecodeContext): Block {
  if (wire.name === JSON_TOOL) return { type: 'text', text: JSON.stringify(wire.input ?? {}) }
  const call = toolCall(wire)
  return call.id === '' ? { ...call, id: `toolu_${context.newId()}`, idMade: true } : call
}

/** A whole answer for a client of this dialect. */
export function encodeAnswer(answer: Answer, context: AnswerContext): EncodedAnswer {
  const parts = new AnswerParts(context)
  const [first, ...others] = answer.candidates
  if (others.length > 0) parts.unplaced('candidates', 'more than one answer')
  const content = (first?.blocks ?? []).flatMap((block, index) =>
    encodeBlock(block, at('content', index), parts),
  )
  const { [EVENTS]: _, ...extensions } = own(answer.extensions)
  const body: JsonObject = {
    id: parts.messageId(answer.id),
    type: 'message',
    role: 'assistant',
    model: context.model,
    content,
    ...encodeFinish(first?.finish, parts.said),
    usage: encodeUsage(answer.usage, context),
    ...extensions,
  }
  return { body, dropped: [...parts.dropped] }
}

function encodeBlock(block: Block, path: string, parts: AnswerParts): JsonObject[] {
  switch (block.type) {
    case 'text':
      return encodeText(block, path, parts)
    case 'refusal':
      parts.said.refusal = true
      return block.text === '' ? [] : [{ type: 'text', text: block.text }]
    case 'thinking': {
      if (block.redacted) return [parts.redacted(block)]
      const signature = parts.signature(block.opaque)
      if (block.text === '' && !block.opaque) return []
      return [{ type: 'thinking', thinking: block.text, signature, ...own(block.extensions) }]
    }
    case 'tool-call': {
      const wire = parts.call(block)
      const carrier = parts.carrier(block)
      const input = block.kind === 'custom' ? { input: block.arguments } : argumentsObject(block.arguments)
      if (wire) return [...(carrier ? [carrier] : []), { ...wire, input }]
      parts.unplaced(path, 'a tool call that another provider ran')
      return []
    }
    case 'unknown':
      if (block.dialect === DIALECT) return [wholeWire(block)]
      parts.unplaced(path, `a block of ${block.dialect}`)
      return []
    case 'media':
    case 'tool-result':
      parts.unplaced(path, block.type === 'media' ? `${block.kind} output` : 'a tool result in an answer')
      return []
  }
}

function encodeText(block: TextBlock, path: string, parts: AnswerParts): JsonObject[] {
  const citations = block.citations
    ?.map((entry) => parts.citation(entry, path))
    .filter((entry) => entry !== undefined)
  if (block.text === '' && !citations?.length) return []
  const wire: JsonObject = { type: 'text', text: block.text, ...own(block.extensions) }
  if (citations) wire.citations = citations
  return [wire]
}
