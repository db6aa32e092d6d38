import type { Json } from './json.ts'
import type { Extensions } from './origin.ts'

/** Why one candidate ended. `raw` is the vendor's own word. */
export interface Finish {
  reason:
    | 'stop'
    | 'stop-sequence'
    | 'length'
    | 'context-window'
    | 'tool-calls'
    | 'content-filter'
    | 'refusal'
    | 'pause'
    | 'other'
  raw?: string
  /** The stop sequence that was hit, when the wire says which. */
  stopSequence?: string
  /** Explanation of a refusal, when given. */
  explanation?: string
  /** The vendor's details object (Anthropic stop_details), given back only to its dialect. */
  details?: Json
  extensions?: Extensions
}
