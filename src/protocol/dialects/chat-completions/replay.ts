import type { Block, ThinkingBlock } from '../../model/block.ts'
import type { Capabilities } from '../../model/capabilities.ts'
import { isSendable } from '../../model/envelope.ts'
import type { JsonObject } from '../../model/json.ts'
import { noteOf } from './extensions.ts'
import { nativeEntries } from './reasoning-details.ts'
import type { Scope } from './scope.ts'
import { DIALECT } from './wire.ts'

/**
 * Thinking of an earlier assistant turn on its way back to the upstream (protocol.md §1.5, §2.8.2). What the upstream
 * does not want is left out without a report: that is its contract, not a loss, and state of another dialect could
 * never have been sent.
 */
export function writeReplay(
  wire: JsonObject,
  thoughts: readonly ThinkingBlock[],
  isToolTurn: boolean,
  scope: Scope,
) {
  const { reasoningField, reasoningReplay } = scope.capabilities
  if (reasoningReplay === 'signed') return writeSigned(wire, thoughts, scope)
  if (reasoningField === 'none') return
  const text = thoughts.map((block) => block.text).join('')
  const isWanted = {
    never: false,
    'tool-turns': isToolTurn && thoughts.length > 0,
    always: true,
  } satisfies Record<Exclude<Capabilities['reasoningReplay'], 'signed'>, boolean>
  if (isWanted[reasoningReplay]) wire[reasoningField] = text
}

/** `reasoning_details` go back unmodified and in order, to their maker only (protocol.md §5.2). */
function writeSigned(wire: JsonObject, thoughts: readonly ThinkingBlock[], scope: Scope): void {
  const entries = thoughts.flatMap((block) =>
    nativeEntries(
      block,
      (block.opaque ?? []).filter((opaque) => isSendable(opaque, DIALECT, scope.target.maker)),
    ),
  )
  if (entries.length > 0) wire['reasoning_details'] = entries
}

/** Whether a thinking block stood among the content parts and goes back there. */
export function isThinkingPart(block: Block, { capabilities }: Scope): boolean {
  if (block.type !== 'thinking' || capabilities.reasoningReplay === 'never') return false
  return noteOf(block.extensions, 'part') === 'thinking'
}
