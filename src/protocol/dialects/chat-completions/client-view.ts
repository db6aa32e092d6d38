import type { Citation, ToolCallBlock } from '../../model/block.ts'
import type { Losses } from '../../model/dropped.ts'
import { GatewayError } from '../../model/error.ts'
import type { Json, JsonObject } from '../../model/json.ts'
import { defined } from '../../model/loose.ts'
import type { Extensions, Opaque } from '../../model/origin.ts'
import type { AnswerContext } from '../dialect.ts'
import { noteOf } from './extensions.ts'
import { toolOf } from './names.ts'
import { wrappedSignature } from './signature.ts'
import { DIALECT } from './wire.ts'

/** What the whole answer and the stream have in common on their way to a client. */

const ownPrefixes = ['chatcmpl-', 'gen-']

/** An id of this dialect is kept; any other is replaced by a fresh one. */
export function clientId(id: string | undefined, extensions: Extensions | undefined, fresh: string): string {
  const isOwn =
    noteOf(extensions, 'own') !== undefined || ownPrefixes.some((prefix) => id?.startsWith(prefix))
  return id !== undefined && isOwn ? id : `chatcmpl-${fresh}`
}

/** Whether the client asked in the deprecated way, and reads one `function_call`. */
export function isLegacy(context: AnswerContext): boolean {
  return noteOf(context.request.extensions, 'functions') !== undefined
}

/** The name and kind the client knows the tool by; bridged custom tools come back as what they were (§2.5). */
export function clientCall(
  call: ToolCallBlock,
  context: AnswerContext,
): { name: string; isCustom: boolean; isBridged: boolean } {
  const tool = toolOf(call.name, context.request.tools)
  const isBridged = call.kind === 'function' && tool?.type === 'custom'
  return { name: tool?.name ?? call.name, isCustom: isBridged || call.kind === 'custom', isBridged }
}

/** `extra_content` with the signature; its maker is written down so that it finds its way back. */
export function clientSignature(opaque: Opaque, context: AnswerContext): JsonObject {
  return wrappedSignature({ ...opaque, maker: opaque.maker ?? context.maker })
}

/**
 * Annotations of one text block: those of this dialect as they came, others if they name a page. `start` and `length`
 * place the block in the whole content (protocol.md §2.11).
 */
export function annotationsOf(
  citations: readonly Citation[],
  place: { start: number; length: number },
  lose: (index: number) => void,
): Json[] {
  return citations.flatMap((citation, index) => {
    if (citation.wire?.dialect === DIALECT) return [citation.wire.value]
    if (citation.url === undefined) {
      lose(index)
      return []
    }
    const cited = {
      url: citation.url,
      title: citation.title ?? '',
      start_index: place.start + (citation.start ?? 0),
      end_index: place.start + (citation.end ?? place.length),
      content: citation.quote,
    }
    return [{ type: 'url_citation', url_citation: defined(cited) }]
  })
}

/** Content without a place here: an error in strict mode, else reported. */
export function lose(path: string, what: string, losses: Losses, isStrict: boolean): void {
  const why = `chat completions has no place for ${what} in an answer`
  if (isStrict) throw new GatewayError('unsupported', `${why}, and output is strict`, { param: path })
  losses.drop(path, why)
}
