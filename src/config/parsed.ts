import type { Path, Place } from './place.ts'
import type { Tree } from './tree.ts'

/** A fault in the text itself, before any meaning: where, and what was expected there. */
export interface SyntaxFault {
  offset: number
  expected: string
  /** Set when the fault is about a key that stands there (written twice). */
  path?: Path
}

/** What each format's parser gives. */
export interface Parsed {
  tree: Tree
  places: Place
  faults: SyntaxFault[]
  /** False when the faults left nothing that could be checked further. */
  readable: boolean
}
