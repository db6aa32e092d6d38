/** Where something stands in a text. Both count from 1; the column counts UTF-16 units, as editors do. */
export interface Position {
  line: number
  column: number
}

/** Offsets of one value in its source, and of everything inside it. */
export interface Place {
  /** Offset of the key; absent for the root and for items of a list. */
  key?: number
  /** Offset of the value's first character. */
  value: number
  /** By key, or by index written as a number. */
  children: Map<string, Place>
}

export type Path = readonly (string | number)[]

export function newPlace(value: number, key?: number): Place {
  return key === undefined ? { value, children: new Map() } : { key, value, children: new Map() }
}

/**
 * The offset that an error about `path` points to: the value where it exists (its key when `part` is `key`),
 * else the key of the nearest section that does exist.
 */
export function offsetOf(root: Place, path: Path, part: 'key' | 'value'): number {
  let place = root
  for (const segment of path) {
    const child = place.children.get(String(segment))
    if (child === undefined) return place.key ?? place.value
    place = child
  }
  return part === 'key' ? (place.key ?? place.value) : place.value
}

/** Finds lines and columns in one text. */
export class LineIndex {
  readonly #starts: number[] = [0]

  constructor(text: string) {
    for (let next = text.indexOf('\n'); next !== -1; next = text.indexOf('\n', next + 1))
      this.#starts.push(next + 1)
  }

  position(offset: number): Position {
    let [low, high] = [0, this.#starts.length - 1]
    while (low < high) {
      const middle = Math.ceil((low + high) / 2)
      if ((this.#starts[middle] ?? 0) <= offset) low = middle
      else high = middle - 1
    }
    return { line: low + 1, column: offset - (this.#starts[low] ?? 0) + 1 }
  }
}
