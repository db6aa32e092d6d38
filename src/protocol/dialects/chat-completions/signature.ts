import { unwrapOpaque, wrapOpaque } from '../../model/envelope.ts'
import { type JsonObject, rest } from '../../model/json.ts'
import { objectOf } from '../../model/loose.ts'
import type { Opaque } from '../../model/origin.ts'
import { DIALECT, SIGNATURE_PATH } from './wire.ts'

const { container, vendor, member } = SIGNATURE_PATH

/** The thought signature of a call or message as it stands on the wire; undefined when there is none. */
export function signatureText(object: JsonObject): string | undefined {
  const value = objectOf(objectOf(object[container])?.[vendor])?.[member]
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** The same, unwrapped: native to this dialect when it had no envelope. */
export function readSignature(object: JsonObject): Opaque | undefined {
  const text = signatureText(object)
  return text === undefined ? undefined : unwrapOpaque(text, DIALECT, 'thought-signature')
}

/** What else the container held, as the member it is kept under; undefined when nothing. */
export function besideSignature(object: JsonObject): JsonObject | undefined {
  const outer = objectOf(object[container])
  if (!outer) return rest(object, outsideContainer(object))
  const inner = objectOf(outer[vendor])
  const insideRest = inner && rest(inner, new Set([member]))
  const kept = { ...rest(outer, new Set([vendor])), ...(insideRest ? { [vendor]: insideRest } : {}) }
  for (const _ in kept) return { [container]: kept }
  return undefined
}

/** Every member but the container: what is left of it when it is no object. */
function outsideContainer(object: JsonObject): ReadonlySet<string> {
  return new Set(Object.keys(object).filter((key) => key !== container || object[key] === null))
}

/** The member for a value as it is. */
export function signatureMember(value: string): JsonObject {
  return { [container]: { [vendor]: { [member]: value } } }
}

/** The member for a client: in an envelope when the signature is foreign. */
export function wrappedSignature(opaque: Opaque): JsonObject {
  return signatureMember(wrapOpaque(opaque, DIALECT, 'thought-signature'))
}
