import type { Block } from '../../model/block.ts'
import type { AnswerEvent, Delta } from '../../model/event.ts'

/** Collects the events of one answer and numbers its blocks. */
export class Events {
  #list: AnswerEvent[] = []
  #next = 0

  add(event: AnswerEvent): void {
    this.#list.push(event)
  }

  /** Starts a block and returns its number. */
  open(candidate: number, block: Block): number {
    const index = this.#next
    this.#next += 1
    this.#list.push(
      candidate === 0
        ? { type: 'block-start', index, block }
        : { type: 'block-start', index, candidate, block },
    )
    return index
  }

  delta(index: number, delta: Delta): void {
    this.#list.push({ type: 'block-delta', index, delta })
  }

  text(index: number, text: string): void {
    this.#list.push({ type: 'block-delta', index, delta: { type: 'text', text } })
  }

  close(index: number): void {
    this.#list.push({ type: 'block-end', index })
  }

  take(): AnswerEvent[] {
    const taken = this.#list
    this.#list = []
    return taken
  }
}
