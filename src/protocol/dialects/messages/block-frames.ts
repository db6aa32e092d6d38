import type { Delta } from '../../model/event.ts'
import type { JsonObject } from '../../model/json.ts'

/** Writes one block as `content_block_start`, deltas, `content_block_stop`; each call gives the text to send. */
export interface BlockWriter {
  start(): string
  delta(delta: Delta): string
  end(): string
}

/** The next free block number on the wire: blocks that show nothing take none. */
export interface Place {
  next: number
}

export function open(index: number, block: JsonObject): string {
  return `event: content_block_start\ndata: {"type":"content_block_start","index":${index},"content_block":${JSON.stringify(block)}}\n\n`
}

export function piece(index: number, delta: string): string {
  return `event: content_block_delta\ndata: {"type":"content_block_delta","index":${index},"delta":${delta}}\n\n`
}

export function close(index: number): string {
  return `event: content_block_stop\ndata: {"type":"content_block_stop","index":${index}}\n\n`
}
