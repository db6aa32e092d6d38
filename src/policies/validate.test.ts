import { describe, expect, test } from 'bun:test'
import type { Snapshot } from '../config/snapshot.ts'
import type { ClientDialect } from '../pipeline/call.ts'
import type { Block } from '../protocol/model/block.ts'
import { GatewayError } from '../protocol/model/error.ts'
import type { ChatRequest } from '../protocol/model/request.ts'
import { callWith, requestWith } from './testing.ts'
import { validate } from './validate.ts'

const image: Block = { type: 'media', kind: 'image', source: { type: 'url', url: 'https://x.test/a.png' } }
const document = (blocks: Block[]): Block => ({
  type: 'media',
  kind: 'document',
  source: { type: 'blocks', blocks },
})
const result = (...content: Block[]): Block => ({ type: 'tool-result', callId: 'c', content })
const words: Block = { type: 'text', text: 'hello' }

interface Limits {
  maxMessages?: number
  maxTokens?: number
  allowImages?: boolean
}

/** The error a request meets, or undefined when it is let through. */
async function refusal(
  request: ChatRequest,
  { allowImages = true, ...limits }: Limits,
): Promise<GatewayError | undefined> {
  const snapshot: Partial<Snapshot> = {
    limits: limits as Snapshot['limits'],
    translation: { allowImages } as Snapshot['translation'],
  }
  const client: Partial<ClientDialect['client']> = {
    fieldName: (member) => (member === 'maxOutputTokens' ? 'max_tokens' : member),
  }
  const call = callWith({
    request,
    snapshot: snapshot as Snapshot,
    members: new Map(),
    client: { client } as ClientDialect,
  })
  try {
    await validate(async () => ({ status: 200, headers: {}, body: '' }))(call)
    return undefined
  } catch (thrown) {
    if (thrown instanceof GatewayError) return thrown
    throw thrown
  }
}

const turns = (...contents: Block[][]): ChatRequest =>
  requestWith(contents.map((content) => ({ role: 'user', content })))

describe('what the configuration forbids is refused with the field and the setting', () => {
  const cases: [string, ChatRequest, Limits, string | undefined, string?][] = [
    ['as many messages as allowed', turns([words], [words]), { maxMessages: 2 }, undefined],
    [
      'one message more',
      turns([words], [words], [words]),
      { maxMessages: 2 },
      'messages',
      'limits.max_messages',
    ],
    [
      'any number when there is no limit',
      turns(...Array.from({ length: 500 }, () => [words])),
      {},
      undefined,
    ],
    [
      'as many tokens as allowed',
      { ...turns([words]), maxOutputTokens: 8_192 },
      { maxTokens: 8_192 },
      undefined,
    ],
    [
      'one token more',
      { ...turns([words]), maxOutputTokens: 8_193 },
      { maxTokens: 8_192 },
      'max_tokens',
      'limits.max_tokens',
    ],
    ['no bound given', turns([words]), { maxTokens: 8_192 }, undefined],
    ['images where they are allowed', turns([image]), {}, undefined],
    ['an image', turns([words], [words, image]), { allowImages: false }, 'messages[1]', 'allow_images'],
    [
      'an image in a tool result',
      turns([result(words, image)]),
      { allowImages: false },
      'messages[0]',
      'allow_images',
    ],
    [
      'an image in a document',
      turns([document([words, image])]),
      { allowImages: false },
      'messages[0]',
      'allow_images',
    ],
    [
      'an image in a document in a tool result',
      turns([result(document([image]))]),
      { allowImages: false },
      'messages[0]',
      'allow_images',
    ],
    ['a document of words', turns([document([words])]), { allowImages: false }, undefined],
  ]
  for (const [name, request, limits, param, setting] of cases)
    test(name, async () => {
      const error = await refusal(request, limits)
      expect(error?.details.param).toBe(param)
      if (setting !== undefined) expect(error?.message).toContain(setting)
      if (error) expect(error.status).toBe(400)
    })
})
