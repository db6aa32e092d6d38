import { type Conversation, userTexts } from '../wire/conversation.ts'

/** A name with an optional number: `long@60` → `{name: 'long', argument: 60}`. */
export interface Mark {
  name: string
  argument?: number
}

export function parseMark(source: string): Mark {
  const [name = '', argument] = source.split('@')
  return argument === undefined ? { name } : { name, argument: Number(argument) }
}

/**
 * The newest marker of this kind in what the user wrote: `[scene:tool]`, `[fault:cut-fin@120]`; for one vendor alone
 * `[openai-fault:cut-fin@120]`.
 */
export function findMark(kind: string, conversation: Conversation): Mark | undefined {
  const pattern = new RegExp(`\\[${kind}:([a-z0-9-]+(?:@\\d+)?)\\]`)
  for (const text of userTexts(conversation).reverse()) {
    const hit = pattern.exec(text)?.[1]
    if (hit !== undefined) return parseMark(hit)
  }
  return undefined
}
