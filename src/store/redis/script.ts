import { createHash } from 'node:crypto'

/** A Lua script and the hash by which a server that knows it is asked to run it. */
export interface Script {
  readonly text: string
  readonly sha: string
}

export function toScript(text: string): Script {
  return { text, sha: createHash('sha1').update(text).digest('hex') }
}
