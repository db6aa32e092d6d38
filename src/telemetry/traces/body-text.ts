import type { Redactor } from '../redact.ts'

/** So much more is looked through than is kept: a secret that begins in what is kept ends in here. */
export const MARGIN_BYTES = 512

const CONTINUATION = 0b1100_0000
const IS_CONTINUATION = 0b1000_0000

/** The beginning of bytes that are UTF-8, at most so many of them, with no character cut. */
export function cut(bytes: Uint8Array, maximum: number): Uint8Array {
  if (bytes.length <= maximum) return bytes
  let end = maximum
  while (end > 0 && ((bytes[end] as number) & CONTINUATION) === IS_CONTINUATION) end -= 1
  return bytes.subarray(0, end)
}

/** A body as a trace may show it: without secrets, and not too long. */
export function shown(text: string, maximum: number, redactor: Pick<Redactor, 'text'>): Uint8Array {
  return cut(Buffer.from(redactor.text(text)), maximum)
}

/** The beginning of a body, as text, with what has to be looked through behind it. */
export function beginning(body: Uint8Array | string, maximum: number): string {
  // A piece of a text would hold on to the whole of it.
  const bytes = typeof body === 'string' ? Buffer.from(body.slice(0, maximum + MARGIN_BYTES)) : body
  const kept = cut(bytes, maximum + MARGIN_BYTES)
  return Buffer.from(kept.buffer, kept.byteOffset, kept.byteLength).toString()
}

const eventStream = /^(?::|(?:data|event|id|retry)\s*:)/m
const DATA = 'data:'

/** The data of an event stream, one line for each of its `data:` lines; any other body as it is. */
export function dataLines(text: string): string {
  const start = text.trimStart()
  if (start.startsWith('{') || start.startsWith('[') || !eventStream.test(start)) return text
  return text
    .split(/\r\n|\n|\r/)
    .flatMap((line) => (line.startsWith(DATA) ? [line.slice(line[DATA.length] === ' ' ? 6 : 5)] : []))
    .join('\n')
}
