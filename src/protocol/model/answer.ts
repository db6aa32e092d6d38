import type { Block } from './block.ts'
import type { Finish } from './finish.ts'
import type { Extensions } from './origin.ts'
import type { Usage } from './usage.ts'

export interface Candidate {
  blocks: Block[]
  finish: Finish
}

/** A whole answer: what `fold` makes of a stream. There is no second way to build one. */
export interface Answer {
  id?: string
  model?: string
  /** Seconds since 1970. */
  created?: number
  candidates: Candidate[]
  usage?: Usage
  extensions?: Extensions
}
