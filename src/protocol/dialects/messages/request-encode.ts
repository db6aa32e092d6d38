import { isObject, type JsonObject } from '../../model/json.ts'
import { NOTE_PREFIX } from '../../model/origin.ts'
import { at } from '../../model/read.ts'
import type { ChatRequest, Message } from '../../model/request.ts'
import { systemReminder } from '../../model/stand-in.ts'
import type { EncodedRequest, UpstreamTarget } from '../dialect.ts'
import { allowedBeta } from './betas.ts'
import { cacheControl, limitMarks } from './cache.ts'
import { Encode, isPlainText } from './content-encode.ts'
import { EncodeContext } from './context.ts'
import { encodeOutputConfig, planOutput } from './output-encode.ts'
import { STANDARD_TIER } from './request.ts'
import { encodeSampling, reportAbsent } from './sampling-encode.ts'
import { planThinking } from './thinking-encode.ts'
import { planChoice } from './tool-choice.ts'
import { encodeTools } from './tools-encode.ts'
import { answersUnsignedCalls, normaliseTurns, type Turn } from './turns.ts'
import { own } from './wire.ts'

/** The body of `POST /v1/messages` for one target, with what it could not carry (protocol.md §2.16). */
export function encodeRequest(request: ChatRequest, target: UpstreamTarget): EncodedRequest {
  const context = new EncodeContext(target)
  const output = planOutput(request, context)
  const tools = [...encodeTools(request, context), ...(output.tool ? [output.tool] : [])]
  const choice = planChoice(request, tools, output.tool !== undefined, context)
  const instructions = [choice.instruction, output.instruction].filter((entry) => entry !== undefined)
  const { system, turns } = encodeMessages(request, instructions, context)
  const facts = { toolForced: choice.forced, unsignedCalls: answersUnsignedCalls(turns) }
  const plan = planThinking(request, context, facts)
  reportAbsent(request, context)
  const body: JsonObject = {
    model: target.model,
    max_tokens: plan.maxTokens,
    ...system,
    messages: turns.map(({ role, content, rest }) => ({ role, content, ...rest })),
    ...(tools.length > 0 ? { tools } : {}),
    ...(choice.wire ? { tool_choice: choice.wire } : {}),
    ...(plan.thinking ? { thinking: plan.thinking } : {}),
    ...encodeOutputConfig(request, plan.effort, output, context),
    ...encodeSampling(request, plan.active, context),
    ...encodeIdentity(request, context),
    ...cacheControl(request.cache, context),
    ...encodeExtensions(request, context),
    ...(request.stream ? { stream: true } : {}),
  }
  limitMarks(body, context)
  return { body, dropped: context.losses.list }
}

function encodeMessages(
  request: ChatRequest,
  instructions: readonly string[],
  context: EncodeContext,
): { system: JsonObject; turns: Turn[] } {
  const encode = new Encode(context)
  const { messages } = request
  const body = messages.findIndex((message) => !isLeadingSystem(message))
  const leading = messages.slice(0, body < 0 ? messages.length : body)
  const system = leading.flatMap((message, index) =>
    encode.blocks(message.content, contentPath(index), 'system'),
  )
  system.push(...instructions.map((text) => ({ type: 'text', text })))
  const turns = messages
    .slice(leading.length)
    .map((message, index) => encodeMessage(message, index + leading.length, encode))
  return {
    system: encodeSystem(system),
    turns: normaliseTurns(turns, context.capabilities.prefill, context.losses),
  }
}

function isLeadingSystem(message: Message): boolean {
  return message.role === 'system' && message.content.every((block) => block.type === 'text')
}

function encodeSystem(blocks: readonly JsonObject[]): JsonObject {
  const [only] = blocks
  if (only === undefined) return {}
  return { system: blocks.length === 1 && isPlainText(only) ? only.text : [...blocks] }
}

function contentPath(index: number): string {
  return at(at('messages', index), 'content')
}

function encodeMessage(message: Message, index: number, encode: Encode): Turn {
  const { context } = encode
  if (message.name !== undefined)
    context.losses.drop(at(at('messages', index), 'name'), 'the upstream knows no names of participants')
  if (message.role === 'system' && !context.capabilities.systemAnywhere)
    return reminder(message, index, encode)
  const turn: Turn = {
    role: message.role,
    content: encode.blocks(message.content, contentPath(index), message.role),
  }
  const rest = own(message.extensions)
  if (Object.keys(rest).length > 0) turn.rest = rest
  return turn
}

/** A system message between turns, told by the user where the target takes none there (protocol.md §2.2). */
function reminder(message: Message, index: number, encode: Encode): Turn {
  const blocks = encode.blocks(message.content, contentPath(index), 'system')
  encode.context.losses.approximate(
    at('messages', index),
    'a system message between turns is told in a user turn',
  )
  const content = blocks.map((wire) =>
    wire.type === 'text' && typeof wire.text === 'string'
      ? { ...wire, text: systemReminder(wire.text) }
      : wire,
  )
  return { role: 'user', content }
}

const tiers: ReadonlyMap<string, string> = new Map([
  ['auto', 'auto'],
  [STANDARD_TIER.model, STANDARD_TIER.wire],
])

function encodeIdentity(request: ChatRequest, { capabilities, losses }: EncodeContext): JsonObject {
  const kept = own(request.extensions).metadata
  const metadata: JsonObject = isObject(kept) ? { ...kept } : {}
  if (request.endUser !== undefined) {
    if (capabilities.endUser) metadata.user_id = request.endUser
    else losses.drop('endUser', 'the upstream takes no user id')
  }
  const wire: JsonObject = Object.keys(metadata).length > 0 ? { metadata } : {}
  if (request.serviceTier === undefined) return wire
  const tier = tiers.get(request.serviceTier)
  if (tier !== undefined && capabilities.serviceTier) wire.service_tier = tier
  else if (request.serviceTier !== 'auto')
    losses.drop('serviceTier', `the upstream has no tier ${request.serviceTier}`)
  return wire
}

/** Members of the bag that other parts of the encoder have already placed. */
const placed: ReadonlySet<string> = new Set([
  'thinking',
  'output_config',
  'output_format',
  'tool_choice',
  'metadata',
])

function encodeExtensions(request: ChatRequest, context: EncodeContext): JsonObject {
  const wire: JsonObject = {}
  for (const [key, value] of Object.entries(own(request.extensions))) {
    if (placed.has(key) || key.startsWith(NOTE_PREFIX)) continue
    if (allowedBeta(key, context)) wire[key] = value
    else if (key === 'mcp_servers') context.losses.refuse(key, 'the upstream cannot reach MCP servers')
    else context.losses.drop(key, 'the upstream does not offer what this needs')
  }
  return wire
}
