/** Somebody who waits, and for whom it counts. */
export interface Waiting {
  readonly tenant: string
}

/**
 * Who waits for a place. Tenants take turns, each with its calls in the order in which they came, so that one with many
 * calls keeps the others waiting for one of them at a time. When the queue is full, a tenant that has fewer in it takes
 * the place of the youngest call of the one that has most.
 */
export class FairQueue<T extends Waiting> {
  /** By tenant, the one whose turn is next first; nobody has an empty line. */
  readonly #lines = new Map<string, T[]>()
  #size = 0

  get size(): number {
    return this.#size
  }

  /**
   * Lines up one more, at most `limit` in all. Gives the one for whom there is no room: the newcomer, or another one
   * that had to go for it; undefined when there is room for all.
   */
  push(waiting: T, limit: number): T | undefined {
    if (this.#size < limit) {
      this.#append(waiting)
      return undefined
    }
    const longest = this.#longest()
    const own = this.#lines.get(waiting.tenant)?.length ?? 0
    if (longest === undefined || longest.length <= own + 1) return waiting
    const youngest = longest.at(-1)
    if (youngest === undefined) return waiting
    this.remove(youngest)
    this.#append(waiting)
    return youngest
  }

  /** Whether a call of this tenant would find room; the same answer as `push` gives. */
  hasRoomFor(tenant: string, limit: number): boolean {
    if (this.#size < limit) return true
    return (this.#longest()?.length ?? 0) > (this.#lines.get(tenant)?.length ?? 0) + 1
  }

  /** The next one; its tenant then waits until all others had their turn. */
  shift(): T | undefined {
    for (const [tenant, line] of this.#lines) {
      const next = line.shift()
      this.#lines.delete(tenant)
      if (line.length > 0) this.#lines.set(tenant, line)
      if (next === undefined) continue
      this.#size -= 1
      return next
    }
    return undefined
  }

  /** Whoever does not want to wait any more; nothing happens when it is not in the queue. */
  remove(waiting: T): void {
    const line = this.#lines.get(waiting.tenant)
    const at = line?.indexOf(waiting) ?? -1
    if (line === undefined || at === -1) return
    line.splice(at, 1)
    this.#size -= 1
    if (line.length === 0) this.#lines.delete(waiting.tenant)
  }

  #append(waiting: T): void {
    const line = this.#lines.get(waiting.tenant)
    if (line) line.push(waiting)
    else this.#lines.set(waiting.tenant, [waiting])
    this.#size += 1
  }

  #longest(): T[] | undefined {
    let longest: T[] | undefined
    for (const line of this.#lines.values())
      if (longest === undefined || line.length > longest.length) longest = line
    return longest
  }
}
