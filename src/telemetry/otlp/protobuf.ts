const INITIAL_BYTES = 4_096
/** A buffer that one large body made is not kept for the small ones that follow. */
const KEPT_BYTES = 256 * 1024
/** Up to here a loop is faster than asking the runtime. */
const SHORT_TEXT = 48
const HIGH = 0x1_0000_0000

const VARINT = 0
const FIXED64 = 1
const BYTES = 2
const FIXED32 = 5

/**
 * Writes protobuf messages from their end to their beginning: so a message's length is known when it has to be
 * written, and nothing is moved or measured twice. What is written first stands last; items of a repeated field
 * that have an order are written in the reverse one.
 */
export class ProtobufWriter {
  #bytes = Buffer.allocUnsafeSlow(INITIAL_BYTES)
  #view = new DataView(this.#bytes.buffer)
  /** Where what is written begins. */
  #at = INITIAL_BYTES

  /** Bytes written so far: where the message begins that is written next, for `close`. */
  get length(): number {
    return this.#bytes.length - this.#at
  }

  /** A copy of what was written; the writer is empty then. */
  take(): Uint8Array {
    const taken = new Uint8Array(this.#bytes.subarray(this.#at))
    this.clear()
    return taken
  }

  clear(): void {
    if (this.#bytes.length > KEPT_BYTES) this.#use(Buffer.allocUnsafeSlow(INITIAL_BYTES))
    this.#at = this.#bytes.length
  }

  /** Makes a field out of everything written since the writer had this length. */
  close(field: number, since: number): void {
    this.#varint(this.length - since)
    this.#varint(field * 8 + BYTES)
  }

  /** A whole number from 0 to 2⁵³. */
  whole(field: number, value: number): void {
    this.#varint(value)
    this.#varint(field * 8 + VARINT)
  }

  double(field: number, value: number): void {
    this.#double(value)
    this.#varint(field * 8 + FIXED64)
  }

  /** A `fixed64` from 0 on, exact as far as the number is. */
  fixed64(field: number, value: number): void {
    this.#fixed64(value)
    this.#varint(field * 8 + FIXED64)
  }

  /** A packed field. */
  doubles(field: number, values: readonly number[]): void {
    const since = this.length
    for (let index = values.length - 1; index >= 0; index -= 1) this.#double(values[index] as number)
    this.close(field, since)
  }

  /** A packed field. */
  fixed64s(field: number, values: readonly number[]): void {
    const since = this.length
    for (let index = values.length - 1; index >= 0; index -= 1) this.#fixed64(values[index] as number)
    this.close(field, since)
  }

  fixed32(field: number, value: number): void {
    this.#room(4)
    this.#at -= 4
    this.#view.setUint32(this.#at, value, true)
    this.#varint(field * 8 + FIXED32)
  }

  text(field: number, text: string): void {
    const since = this.length
    if (text.length > SHORT_TEXT || !this.#ascii(text)) {
      const length = Buffer.byteLength(text)
      this.#room(length)
      this.#at -= length
      this.#bytes.write(text, this.#at)
    }
    this.close(field, since)
  }

  bytes(field: number, bytes: Uint8Array): void {
    const since = this.length
    this.raw(bytes)
    this.close(field, since)
  }

  /** Bytes that are hexadecimal digits elsewhere. */
  hex(field: number, digits: string): void {
    const since = this.length
    const length = digits.length / 2
    this.#room(length)
    this.#at -= length
    for (let index = 0; index < length; index += 1)
      this.#bytes[this.#at + index] =
        digitOf(digits.charCodeAt(2 * index)) * 16 + digitOf(digits.charCodeAt(2 * index + 1))
    this.close(field, since)
  }

  /** Fields that are written already. */
  raw(bytes: Uint8Array): void {
    this.#room(bytes.length)
    this.#at -= bytes.length
    this.#bytes.set(bytes, this.#at)
  }

  /** False, and nothing written, when there are other characters in it. */
  #ascii(text: string): boolean {
    this.#room(text.length)
    const from = this.#at - text.length
    for (let index = 0; index < text.length; index += 1) {
      const code = text.charCodeAt(index)
      if (code > 0x7f) return false
      this.#bytes[from + index] = code
    }
    this.#at = from
    return true
  }

  #double(value: number): void {
    this.#room(8)
    this.#at -= 8
    this.#view.setFloat64(this.#at, value, true)
  }

  #fixed64(value: number): void {
    this.#room(8)
    this.#at -= 8
    const high = Math.floor(value / HIGH)
    this.#view.setUint32(this.#at, value - high * HIGH, true)
    this.#view.setUint32(this.#at + 4, high, true)
  }

  #varint(value: number): void {
    this.#room(10)
    if (value < 0x80) {
      this.#bytes[--this.#at] = value
      return
    }
    let length = 1
    for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) length += 1
    this.#at -= length
    for (let index = 0; index < length; index += 1) {
      this.#bytes[this.#at + index] = (value % 128) + (index < length - 1 ? 0x80 : 0)
      value = Math.floor(value / 128)
    }
  }

  #room(bytes: number): void {
    if (this.#at >= bytes) return
    const { length } = this
    const larger = Buffer.allocUnsafeSlow(Math.max(2 * this.#bytes.length, length + bytes))
    const at = larger.length - length
    larger.set(this.#bytes.subarray(this.#at), at)
    this.#use(larger)
    this.#at = at
  }

  #use(bytes: Buffer<ArrayBuffer>): void {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer)
  }
}

function digitOf(code: number): number {
  return code < 0x3a ? code - 0x30 : code - 0x57
}
