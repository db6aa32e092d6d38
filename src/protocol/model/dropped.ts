/** One thing an encoder could not carry exactly. Nothing is left out without one of these. */
export interface Dropped {
  /** Path in the model: `topK`, `messages[2].content[0].detail`, `tools[1]`. */
  path: string
  /** `dropped`: gone. `approximated`: carried with another meaning or form. */
  how: 'dropped' | 'approximated'
  /** One clause a user understands: `the upstream has no such setting`. */
  why: string
  /** True when the caller's meaning depends on it: refused in every mode, never only reported. */
  essential?: boolean
}

/** Collects losses while an encoder works. */
export class Losses {
  readonly list: Dropped[] = []

  drop(path: string, why: string): void {
    this.list.push({ path, how: 'dropped', why })
  }

  approximate(path: string, why: string): void {
    this.list.push({ path, how: 'approximated', why })
  }

  /** A loss that would change what the caller asked for: the request is refused. */
  refuse(path: string, why: string): void {
    this.list.push({ path, how: 'dropped', why, essential: true })
  }
}
