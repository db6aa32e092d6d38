import type { ProtobufWriter } from './protobuf.ts'

/** Fields of `opentelemetry.proto.common.v1`: a pair has a key and a value, a value is one of these. */
const KEY = 1
const VALUE = 2
const TEXT = 1
const BOOLEAN = 2
const WHOLE = 3
const DOUBLE = 4
const LIST = 5
const LIST_VALUES = 1

/** Writes attributes as repeated fields `field` of the message that is being written. */
export class AttributeWriter {
  readonly #writer: ProtobufWriter
  readonly #field: number

  constructor(writer: ProtobufWriter, field: number) {
    this.#writer = writer
    this.#field = field
  }

  text(key: string, value: string | undefined): void {
    if (value === undefined) return
    const since = this.#writer.length
    this.#writer.text(TEXT, value)
    this.#end(key, since)
  }

  /** A text that is UTF-8 already. */
  utf8(key: string, value: Uint8Array | undefined): void {
    if (value === undefined) return
    const since = this.#writer.length
    this.#writer.bytes(TEXT, value)
    this.#end(key, since)
  }

  /** A whole number from 0 on. */
  whole(key: string, value: number | undefined): void {
    if (value === undefined || !Number.isSafeInteger(value) || value < 0) return
    const since = this.#writer.length
    this.#writer.whole(WHOLE, value)
    this.#end(key, since)
  }

  double(key: string, value: number | undefined): void {
    if (value === undefined || !Number.isFinite(value)) return
    const since = this.#writer.length
    this.#writer.double(DOUBLE, value)
    this.#end(key, since)
  }

  /** Only what is so is said. */
  flag(key: string, value: boolean | undefined): void {
    if (value !== true) return
    const since = this.#writer.length
    this.#writer.whole(BOOLEAN, 1)
    this.#end(key, since)
  }

  texts(key: string, values: readonly string[] | undefined): void {
    if (values === undefined || values.length === 0) return
    const writer = this.#writer
    const since = writer.length
    for (let index = values.length - 1; index >= 0; index -= 1) {
      const item = writer.length
      writer.text(TEXT, values[index] as string)
      writer.close(LIST_VALUES, item)
    }
    writer.close(LIST, since)
    this.#end(key, since)
  }

  #end(key: string, since: number): void {
    const writer = this.#writer
    writer.close(VALUE, since)
    writer.text(KEY, key)
    writer.close(this.#field, since)
  }
}
