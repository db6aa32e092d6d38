import type { Path } from './place.ts'
import { pathText } from './problem.ts'
import { isSecretPath, type SchemaNode } from './schema-node.ts'
import { isTable, type Tree, walkTree } from './tree.ts'

/** Keys whose text is a secret wherever they stand: also misspelt ones, which the schema does not know. */
const SECRET_KEY = /(keys?|token|secret|password|passwd|credentials?|authorization|cookie|headers)$/i
/** Prefixes vendors give their keys, and tokens in general. */
const SECRET_TEXT = /^(bearer |basic |sk[-_]|pk[-_]|rk[-_]|gsk_|xai-|hf_|nvapi-|AIza|ya29\.|eyJ|ghp_|XJP_)/i
const MIXED = /^(?=[^\s/]*[a-z])(?=[^\s/]*[A-Z])(?=[^\s/]*\d)[^\s/]{20,}$/
const USER_INFO = /:\/\/[^/\s]*@/
/** Shorter texts are found in too many places to be worth hiding. */
const SHORTEST = 4
const HIDDEN = '***'

/** Whether a text has the looks of a key or a token, whatever the place it stands in. */
export function looksSecret(text: string): boolean {
  return SECRET_TEXT.test(text) || MIXED.test(text) || USER_INFO.test(text)
}

/** Takes secrets out of texts that are shown. */
export class Redactor {
  readonly #secrets: string[]

  /** Learns every secret of a document: where the schema has one, and where a key's name says so. */
  constructor(tree: Tree, schema: SchemaNode) {
    const found = new Set<string>()
    walkTree(tree, (path, value) => {
      if (typeof value !== 'string' || value.length < SHORTEST) return
      if (isReference(value)) return
      if (looksSecret(value) || isSecretPath(schema, path) || hasSecretKey(path)) found.add(value)
    })
    // Longest first, so that a secret inside another one leaves no remainder.
    this.#secrets = [...found].sort((a, b) => b.length - a.length)
  }

  text(text: string): string {
    for (const secret of this.#secrets) text = text.replaceAll(secret, HIDDEN)
    return text
  }

  /** A path; a key that is itself a secret, put in the wrong place, is hidden. */
  path(path: Path): string {
    const shown = path.map((part) => (typeof part === 'string' && looksSecret(part) ? HIDDEN : part))
    return this.text(pathText(shown))
  }

  /** A value in few words; undefined when it must not be shown. */
  value(value: Tree | undefined, path: Path, schema: SchemaNode): string | undefined {
    if (value === undefined) return 'nothing'
    if (value === null) return 'null'
    if (Array.isArray(value)) return 'a list'
    if (value instanceof Date) return 'a date'
    if (isTable(value)) return 'a section'
    if (value === '') return 'an empty text'
    if (typeof value === 'string' && isReference(value)) return JSON.stringify(value)
    if (isSecretPath(schema, path) || hasSecretKey(path)) return undefined
    if (typeof value !== 'string') return String(value)
    if (looksSecret(value)) return undefined
    return this.text(JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value))
  }
}

/** What a list of credentials says besides secrets. */
const PLAIN_OF_CREDENTIAL = new Set<string | number | undefined>([
  'name',
  'project',
  'service_account_file',
  'concurrency',
])

function hasSecretKey(path: Path): boolean {
  return path.some(
    (segment, at) =>
      typeof segment === 'string' &&
      SECRET_KEY.test(segment) &&
      !(typeof path[at + 1] === 'number' && PLAIN_OF_CREDENTIAL.has(path[at + 2])),
  )
}

/** `ENV:NAME` or `${NAME}`: the name of a variable is no secret. */
export function isReference(text: string): boolean {
  return /^(ENV:[A-Za-z_]\w*|\$\{[A-Za-z_]\w*\})$/.test(text)
}
