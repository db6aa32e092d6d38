/** The wire protocols the scripted upstream and the clients speak. */
export type WireDialect = 'chat-completions' | 'messages' | 'generate-content'

/** Stands once in every content event and once in a whole answer, and nowhere else: what a client counts. */
export const MARKER = '~'
export const MARKER_BYTE = MARKER.charCodeAt(0)

/**
 * Every streamed content event is as long as this on the upstream's wire, whatever the dialect, so that one bare
 * pipe is the measure for all. A vendor's own text events have 150 to 300 bytes.
 */
export const EVENT_BYTES = 280
/** Length of a whole answer's JSON. */
export const WHOLE_BYTES = 1_200
