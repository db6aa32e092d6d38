import type { Block } from '../../model/block.ts'
import { type JsonObject, rest } from '../../model/json.ts'
import { foreignFields } from '../../model/origin.ts'
import type { ChatRequest } from '../../model/request.ts'
import type { EncodedRequest, UpstreamTarget } from '../dialect.ts'
import { Encoding } from './encoding.ts'
import { formatInWords, generationConfig } from './generation.ts'
import { encodeTools } from './tools.ts'
import { encodeConversation } from './turns.ts'
import { DIALECT, own } from './wire.ts'

/** Members of the body that are built here; others of a client of this dialect pass as they came. */
const built = new Set([
  'contents',
  'systemInstruction',
  'tools',
  'toolConfig',
  'generationConfig',
  'model',
  'stream',
])

/**
 * A request as a generateContent body (protocol.md §1.4), camelCase throughout. The model and whether to stream are
 * said by the URL, not here.
 */
export function encodeRequest(request: ChatRequest, target: UpstreamTarget): EncodedRequest {
  const encoding = new Encoding(target)
  const { losses } = encoding
  const instruction = formatInWords(request, encoding)
  if (instruction !== undefined)
    losses.approximate(
      'format',
      'the model takes no JSON mode beside tools: asked for in the system instructions',
    )
  const generation = generationConfig(request, encoding)
  const tier = serviceTier(request.serviceTier, encoding)
  const body: JsonObject = {
    ...encodeConversation(request, instruction === undefined ? [] : [instruction], encoding),
    ...encodeTools(request, encoding),
    ...(generation ? { generationConfig: generation } : {}),
    ...(tier === undefined ? {} : { serviceTier: tier }),
    ...nativeFields(request, encoding),
  }
  reportCacheMarks(request, encoding)
  encoding.reportForeign()
  return { body, dropped: losses.list }
}

/** `safetySettings`, `cachedContent`, `labels` …; what other dialects' clients sent beyond the model is reported. */
function nativeFields({ extensions }: ChatRequest, { losses }: Encoding): JsonObject {
  for (const { name, value } of foreignFields(extensions, DIALECT))
    if (value !== null && value !== false) losses.drop(name, 'the upstream has no such field')
  return rest(own(extensions), built) ?? {}
}

/** protocol.md §2.11; `auto` sends nothing. */
const tiers: ReadonlyMap<string, string> = new Map<string, string>(
  Object.entries({
    default: 'standard',
    standard: 'standard',
    standard_only: 'standard',
    flex: 'flex',
    priority: 'priority',
    fast: 'priority',
  }),
)

function serviceTier(tier: string | undefined, { capabilities, losses }: Encoding): string | undefined {
  if (tier === undefined || tier === 'auto') return undefined
  const known = tiers.get(tier)
  if (known !== undefined && capabilities.serviceTier) return known
  if (known !== 'standard') losses.drop('serviceTier', 'the upstream has no such service tier')
  return undefined
}

/** Marks say where to cache; this wire caches by itself or by a resource of its own (protocol.md §2.9). */
function reportCacheMarks(request: ChatRequest, { losses }: Encoding): void {
  const report = (marked: object, path: string) => {
    if ('cache' in marked && marked.cache !== undefined)
      losses.drop(`${path}.cache`, 'the upstream caches prompts by itself')
  }
  const visit = (blocks: readonly Block[], path: string): void => {
    for (const [index, block] of blocks.entries()) {
      report(block, `${path}[${index}]`)
      if (block.type === 'tool-result') visit(block.content, `${path}[${index}].content`)
    }
  }
  for (const [index, tool] of (request.tools ?? []).entries()) report(tool, `tools[${index}]`)
  for (const [index, message] of request.messages.entries())
    visit(message.content, `messages[${index}].content`)
}
