import type { Ask, Client, Mode, Seen, Session } from '../rig/clients/ask.ts'
import type { Entry } from '../rig/ledger.ts'
import type { Upstream } from '../rig/upstream.ts'
import type { Conversation } from '../rig/wire/conversation.ts'
import type { Column } from './columns.ts'

/** One cell in one mode: a client that asks a model of one upstream, through the gateway. */
export interface Cell {
  scenario: string
  client: Client
  column: Column
  mode: Mode
  upstream: Upstream
  /** Stands in the first user text, so that this cell's requests are found in the ledger. */
  word: string
}

let count = 0

export function newWord(): string {
  count += 1
  return `word${count}end`
}

/** The finish words of the two clients for one meaning. */
const finishes = {
  stop: { openai: 'stop', anthropic: 'end_turn' },
  tools: { openai: 'tool_calls', anthropic: 'tool_use' },
  length: { openai: 'length', anthropic: 'max_tokens' },
} as const

export function finish(cell: Cell, meaning: keyof typeof finishes): string {
  return finishes[meaning][cell.client.name]
}

export function modelOf(cell: Cell): string {
  return cell.column.models?.[cell.scenario] ?? cell.column.model
}

export function open(cell: Cell, ask: Partial<Ask> = {}): Session {
  return cell.client.open({ model: modelOf(cell), ...ask })
}

/** The user's first text: it selects the scene, and carries the word. */
export function opening(cell: Cell, marks: string): { type: 'text'; text: string } {
  return { type: 'text', text: `${marks} ${cell.word}` }
}

/** One question with one text, and its answer. */
export async function ask(cell: Cell, marks: string, wishes: Partial<Ask> = {}): Promise<Seen> {
  const session = open(cell, wishes)
  session.user(opening(cell, marks))
  return session.send(cell.mode)
}

export function entries(cell: Cell): Entry[] {
  return cell.upstream.ledger.withText(cell.word)
}

/** The newest request of this cell as the upstream understood it. */
export function received(cell: Cell): Conversation {
  const conversation = entries(cell).at(-1)?.conversation
  if (conversation === undefined) throw new Error('Nothing of this call reached the upstream.')
  return conversation
}
