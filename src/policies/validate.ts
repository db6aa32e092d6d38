import type { Call, Policy } from '../pipeline/call.ts'
import { clientPath } from '../pipeline/request-body.ts'
import type { Block, MediaBlock } from '../protocol/model/block.ts'
import { GatewayError, invalid } from '../protocol/model/error.ts'

/**
 * Refuses what the configuration forbids, before anything is spent: `limits`, `translation.allow_images` and
 * `translation.document_policy: reject`.
 */
export const validate: Policy = (next) => (call) => {
  checkMessages(call)
  checkTokens(call)
  const { allowImages, documentPolicy } = call.snapshot.translation
  if (!allowImages) refuseMedia(call, 'image', 'images are switched off on this gateway (allow_images)')
  if (documentPolicy === 'reject')
    refuseMedia(call, 'document', 'documents are refused on this gateway (document_policy)')
  return next(call)
}

function checkMessages(call: Call): void {
  const { maxMessages } = call.snapshot.limits
  const { length } = call.request.messages
  if (maxMessages !== undefined && length > maxMessages)
    throw invalid(
      'messages',
      `has ${length} messages; this gateway allows ${maxMessages} (limits.max_messages)`,
    )
}

function checkTokens(call: Call): void {
  const { maxTokens } = call.snapshot.limits
  const asked = call.request.maxOutputTokens
  if (maxTokens !== undefined && asked !== undefined && asked > maxTokens)
    throw invalid(
      clientPath(call, 'maxOutputTokens'),
      `is ${asked}; this gateway allows ${maxTokens} (limits.max_tokens)`,
    )
}

function refuseMedia(call: Call, kind: MediaBlock['kind'], why: string): void {
  call.request.messages.forEach((message, index) => {
    if (!message.content.some((block) => holds(block, kind))) return
    const param = `messages[${index}]`
    throw new GatewayError('unsupported', `${param}: ${why}`, { param })
  })
}

function holds(block: Block, kind: MediaBlock['kind']): boolean {
  if (block.type === 'tool-result') return block.content.some((inner) => holds(inner, kind))
  if (block.type !== 'media') return false
  return (
    block.kind === kind ||
    (block.source.type === 'blocks' && block.source.blocks.some((inner) => holds(inner, kind)))
  )
}
