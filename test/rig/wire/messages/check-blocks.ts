import { at, type Fields, fields, isFields, list, text } from '../../json.ts'
import type { Problem, WireRequest } from '../dialect.ts'
import { isBase64 } from '../media.ts'
import { blocksByRole, blocksInResult, imageTypes } from './fields.ts'
import { openRedacted } from './read.ts'

const ID = /^[a-zA-Z0-9_-]+$/
const MOST_CACHE_MARKS = 4

type BlockRule = (block: Fields, request: WireRequest) => string | undefined

function sourceProblem(block: Fields, request: WireRequest): string | undefined {
  const source = fields(block['source'])
  const media = text(source['media_type'])
  const isImage = block['type'] === 'image'
  switch (source['type']) {
    case 'base64':
      if (isImage ? !imageTypes.includes(media) : media !== 'application/pdf')
        return `source.media_type: '${media}' is not supported`
      return isBase64(text(source['data'])) ? undefined : 'source.data: invalid base64 data'
    case 'url':
      // protocol.md §2.4, §5.3: Claude on Vertex reads no addresses.
      if (request.vendor === 'vertex') return 'source: URL sources are not supported'
      return /^https?:\/\//.test(text(source['url']))
        ? undefined
        : 'source.url: Only HTTP(S) URLs are supported'
    case 'text':
      return isImage || media !== 'text/plain' ? "source.media_type: Input should be 'text/plain'" : undefined
    case 'content':
    case 'file':
      return undefined
    default:
      return `source.type: '${text(source['type'])}' is not a known source`
  }
}

const rules: Record<string, BlockRule> = {
  text: (block) => (text(block['text']) === '' ? 'text content blocks must be non-empty' : undefined),
  image: sourceProblem,
  document: sourceProblem,
  tool_use: (block) => {
    if (!ID.test(text(block['id']))) return "id: String should match pattern '^[a-zA-Z0-9_-]+$'"
    if (!ID.test(text(block['name']))) return 'name: illegal'
    return isFields(block['input']) ? undefined : 'input: Input should be a valid dictionary'
  },
  tool_result: (block) => (ID.test(text(block['tool_use_id'])) ? undefined : 'tool_use_id: illegal'),
  thinking: (block, request) => {
    if (typeof block['thinking'] !== 'string' || typeof block['signature'] !== 'string')
      return 'signature: Field required'
    if (block['cache_control'] !== undefined) return 'cache_control: Extra inputs are not permitted'
    const own = request.seal.isOwn(
      text(block['signature']),
      request.vendor,
      request.model,
      text(block['thinking']),
    )
    return own ? undefined : 'Invalid `signature` in `thinking` block'
  },
  redacted_thinking: (block, request) =>
    openRedacted(text(block['data']), request).state === 'own'
      ? undefined
      : 'Invalid `data` in `redacted_thinking` block',
}

function* blockProblems(
  block: Fields,
  path: string,
  legal: readonly string[],
  request: WireRequest,
): Iterable<Problem> {
  const type = text(block['type'])
  if (!legal.includes(type)) {
    yield { path: `${path}.type`, message: `Input tag '${type}' is not expected here` }
    return
  }
  const wrong = rules[type]?.(block, request)
  if (wrong !== undefined) yield { path, message: wrong }
  if (type === 'tool_result' && Array.isArray(block['content']))
    for (const [index, inner] of block['content'].entries())
      yield* blockProblems(fields(inner), `${path}.content.${index}`, blocksInResult, request)
}

function cacheMarks(value: unknown): number {
  if (Array.isArray(value)) return value.reduce((sum: number, one) => sum + cacheMarks(one), 0)
  if (!isFields(value)) return 0
  const own = isFields(value['cache_control']) ? 1 : 0
  return own + Object.values(value).reduce((sum: number, one) => sum + cacheMarks(one), 0)
}

/** Every block by itself: legal in its place, complete, and its opaque state made here. */
export function* checkBlocks(request: WireRequest): Iterable<Problem> {
  for (const [index, message] of list(request.body['messages']).entries()) {
    const role = text(at(message, 'role'))
    const path = `messages.${index}`
    const legal = blocksByRole[role]
    if (legal === undefined) {
      yield { path: `${path}.role`, message: "Input should be 'user', 'assistant' or 'system'" }
      continue
    }
    const content = at(message, 'content')
    if (typeof content === 'string') {
      if (content === '') yield { path: `${path}.content`, message: 'text content must be non-empty' }
      continue
    }
    if (list(content).length === 0) yield { path: `${path}.content`, message: 'content must be non-empty' }
    for (const [place, block] of list(content).entries())
      yield* blockProblems(fields(block), `${path}.content.${place}`, legal, request)
  }
  const { tools, system, messages } = request.body
  const marks = cacheMarks([tools, system, messages])
  if (marks > MOST_CACHE_MARKS)
    yield {
      path: 'cache_control',
      message: `A maximum of 4 blocks with cache_control may be provided. Found ${marks}.`,
    }
}
