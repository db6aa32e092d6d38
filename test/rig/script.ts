import type { Fault } from './fault/fault.ts'
import { namedFault } from './fault/faults.ts'
import { findMark, type Mark, parseMark } from './scene/choose.ts'
import type { Conversation } from './wire/conversation.ts'

/** What to do with one coming request. Parts that are not said come from the marks in the request, else `text`. */
export interface Cue {
  /** `tool`, `long@60` … */
  scene?: string
  /** A named fault (`cut-fin@120`) or one put together. */
  fault?: string | Fault
  /** Only for requests to this vendor. */
  vendor?: string
}

export interface Choice {
  scene: Mark
  fault: Fault
  faultName?: string
}

/** Cues wait in order; each is used once, by the first request it fits. */
export class Script {
  #cues: Cue[] = []

  add(...cues: Cue[]): void {
    this.#cues.push(...cues)
  }

  clear(): void {
    this.#cues = []
  }

  /** Cue first, marks in the conversation second, the `text` scene without a fault last. */
  choose(vendor: string, conversation: Conversation): Choice {
    const index = this.#cues.findIndex((cue) => cue.vendor === undefined || cue.vendor === vendor)
    const [cue] = index < 0 ? [] : this.#cues.splice(index, 1)
    const mark = (kind: string) => findMark(`${vendor}-${kind}`, conversation) ?? findMark(kind, conversation)
    const scene = cue?.scene === undefined ? mark('scene') : parseMark(cue.scene)
    const marked = mark('fault')
    if (cue?.fault !== undefined && typeof cue.fault !== 'string')
      return { scene: scene ?? { name: 'text' }, fault: cue.fault, faultName: 'custom' }
    const named = cue?.fault === undefined ? marked : parseMark(cue.fault)
    return {
      scene: scene ?? { name: 'text' },
      fault: named === undefined ? {} : namedFault(named.name, named.argument),
      faultName: named?.name,
    }
  }
}
