import type { Call, Policy } from '../pipeline/call.ts'
import type { Block } from '../protocol/model/block.ts'
import { GatewayError, invalid } from '../protocol/model/error.ts'

/** Refuses what the configuration forbids, before anything is spent: `limits` and `translation.allow_images`. */
export const validate: Policy = (next) => (call) => {
  checkMessages(call)
  checkTokens(call)
  if (!call.snapshot.translation.allowImages) checkImages(call)
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
      call.client.client.fieldName('maxOutputTokens'),
      `is ${asked}; this gateway allows ${maxTokens} (limits.max_tokens)`,
    )
}

function checkImages(call: Call): void {
  call.request.messages.forEach((message, index) => {
    if (!message.content.some(isImage)) return
    throw new GatewayError(
      'unsupported',
      `messages[${index}]: images are switched off on this gateway (allow_images)`,
      {
        param: `messages[${index}]`,
      },
    )
  })
}

function isImage(block: Block): boolean {
  if (block.type === 'tool-result') return block.content.some(isImage)
  if (block.type !== 'media') return false
  return block.kind === 'image' || (block.source.type === 'blocks' && block.source.blocks.some(isImage))
}
