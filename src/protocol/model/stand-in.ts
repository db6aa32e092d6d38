/** Words of ours that stand in a conversation where a wire demands some, or has no place for the caller's. */

/** Said for a user who has said nothing, where the wire wants a user turn (protocol.md §2.2, §2.3). */
export const FILLER = 'Continue.'

/** A system text that stands where only the user may speak, in the form agents use themselves (protocol.md §2.2). */
export function systemReminder(text: string): string {
  return `<system-reminder>\n${text}\n</system-reminder>`
}
