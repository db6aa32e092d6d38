import type { JsonObject } from '../../model/json.ts'
import { defined, objectsOf, textOf } from '../../model/loose.ts'
import type { DecodeContext } from '../dialect.ts'
import type { Events } from './events.ts'
import { nativeOpaque, textMember } from './reasoning-details.ts'

interface Open {
  index: number
  /** The `reasoning_details` entry it is made of, without its text; undefined for plain text. */
  entry: JsonObject | undefined
}

/** Reads one candidate's thinking, from whichever of its three fields the server uses (protocol.md §2.8.2). */
export class ThinkingReader {
  readonly #events: Events
  readonly #candidate: number
  readonly #maker: string
  #open: Open | undefined

  constructor(events: Events, candidate: number, context: DecodeContext) {
    this.#events = events
    this.#candidate = candidate
    this.#maker = context.maker
  }

  /** True when there was any. `before` ends what else is open. Text told twice is taken once (§3, 52). */
  read(message: JsonObject, isWhole: boolean, before: () => void): boolean {
    const { reasoning_details, reasoning_content, reasoning } = message
    if (!reasoning_details && !reasoning_content && !reasoning) return false
    const entries = objectsOf(reasoning_details)
    const plain = textOf(reasoning_content) || textOf(reasoning)
    const isTold = entries.some((entry) => detailText(entry) !== '')
    if (!isTold) this.plain(plain, before)
    for (const entry of entries) this.#detail(entry, isWhole, before)
    return plain !== '' || entries.length > 0
  }

  plain(text: string, before: () => void): void {
    if (text === '') return
    if (!this.#open || this.#open.entry) {
      this.close()
      before()
      this.#open = {
        index: this.#events.open(this.#candidate, { type: 'thinking', text: '' }),
        entry: undefined,
      }
    }
    this.#events.text(this.#open.index, text)
  }

  /** Pieces of one entry have its type and number; the signature comes late (§2.8.2). */
  #detail(entry: JsonObject, isWhole: boolean, before: () => void): void {
    const open = this.#open
    if (!open?.entry || isWhole || !isSame(open.entry, entry)) {
      this.close()
      before()
      this.#start(entry)
    } else merge(open.entry, entry)
    const text = detailText(entry)
    if (text !== '' && this.#open) this.#events.text(this.#open.index, text)
  }

  #start(entry: JsonObject): void {
    const member = textMember(entry)
    const index = this.#events.open(
      this.#candidate,
      defined({
        type: 'thinking',
        text: '',
        redacted: member === undefined ? true : undefined,
        summary: member === 'summary' ? true : undefined,
      }),
    )
    const own = { ...entry }
    if (member !== undefined) delete own[member]
    this.#open = { index, entry: own }
  }

  close(): void {
    if (!this.#open) return
    const { index, entry } = this.#open
    const signature = entry && nativeOpaque(entry, this.#maker)
    if (signature) this.#events.delta(index, { type: 'signature', signature })
    this.#events.close(index)
    this.#open = undefined
  }
}

function detailText(entry: JsonObject): string {
  const member = textMember(entry)
  return member === undefined ? '' : textOf(entry[member])
}

function isSame(known: JsonObject, entry: JsonObject): boolean {
  if (known['type'] !== entry['type'] || known['index'] !== entry['index']) return false
  if (known['data'] !== undefined && entry['data'] !== undefined) return false
  return !known['id'] || !entry['id'] || known['id'] === entry['id']
}

/** Later members replace earlier ones; nothing is taken back by an empty one. */
function merge(known: JsonObject, entry: JsonObject): void {
  const member = textMember(entry)
  for (const key in entry) {
    const value = entry[key]
    if (key === member || value === undefined || value === null) continue
    if (value !== '' || known[key] === undefined) known[key] = value
  }
}
