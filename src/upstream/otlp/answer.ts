import type { ExportOutcome } from './port.ts'

/** Collectors answer with a few bytes. */
export const MAXIMUM_ANSWER_BYTES = 64 * 1024
/** What is kept of a collector's words. */
const MAXIMUM_WORDS = 300

/** One field of a protobuf message: a number for varints, bytes for what has a length. */
interface Field {
  number: number
  value: number | Uint8Array
}

const VARINT = 0
const FIXED64 = 1
const BYTES = 2
const FIXED32 = 5

/** The fields of a message as far as they make sense; what a lying collector sends never throws. */
function fieldsOf(message: Uint8Array): Field[] {
  const fields: Field[] = []
  let at = 0
  const varint = (): number => {
    let value = 0
    for (let scale = 1; at < message.length; scale *= 128) {
      const byte = message[at++] as number
      value += (byte & 0x7f) * scale
      if (byte < 0x80) return value
    }
    return Number.NaN
  }
  while (at < message.length) {
    const tag = varint()
    const number = Math.floor(tag / 8)
    const wire = tag % 8
    if (wire === VARINT) fields.push({ number, value: varint() })
    else if (wire === BYTES) {
      const length = varint()
      if (!(at + length <= message.length)) return fields
      fields.push({ number, value: message.subarray(at, at + length) })
      at += length
    } else if (wire === FIXED64) at += 8
    else if (wire === FIXED32) at += 4
    else return fields
  }
  return fields
}

function bytesAt(message: Uint8Array, number: number): Uint8Array | undefined {
  const value = fieldsOf(message).findLast((field) => field.number === number)?.value
  return typeof value === 'number' ? undefined : value
}

function numberAt(message: Uint8Array, number: number): number {
  const value = fieldsOf(message).findLast((field) => field.number === number)?.value
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : 0
}

export function words(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? [])
    .toString()
    .slice(0, MAXIMUM_WORDS)
}

/** `Export…ServiceResponse`: its field 1 says what was not taken (1: how much, 2: why). */
export function accepted(response: Uint8Array): ExportOutcome {
  const partial = bytesAt(response, 1) ?? new Uint8Array(0)
  return { kind: 'accepted', rejected: numberAt(partial, 1), message: words(bytesAt(partial, 2)) }
}

const RETRY_INFO = 'type.googleapis.com/google.rpc.RetryInfo'

/**
 * How long a `google.rpc.Status` asks to wait, in milliseconds; undefined when it does not. Its details (3) are
 * pairs of a type (1) and a value (2); `RetryInfo` has a delay (1) of seconds (1) and nanoseconds (2).
 */
export function retryDelay(status: Uint8Array): number | undefined {
  for (const { number, value } of fieldsOf(status)) {
    if (number !== 3 || typeof value === 'number' || words(bytesAt(value, 1)) !== RETRY_INFO) continue
    const delay = bytesAt(bytesAt(value, 2) ?? new Uint8Array(0), 1) ?? new Uint8Array(0)
    return numberAt(delay, 1) * 1_000 + numberAt(delay, 2) / 1e6
  }
  return undefined
}
