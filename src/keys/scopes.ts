/** What the scopes of a key allow: names of models, and where calls may be sent. An absent list allows everything. */
export interface Rights {
  /** Patterns of public names. */
  readonly models?: readonly string[]
  /** Patterns of `provider/model`. */
  readonly targets?: readonly string[]
  /** Patterns of cloud regions; where a route has none, it lies outside. */
  readonly regions?: readonly string[]
  /** The most that a million tokens may cost, as a decimal number of US dollars. */
  readonly price?: string
}

const DOLLARS = /^(0|[1-9]\d{0,8})(\.\d{1,6})?$/
const PREFIXED = /^(target|region|price):(.*)$/

/** Sorts scopes by what they speak of. A price that is none allows nothing that costs anything. */
export function rightsOf(scopes: readonly string[]): Rights {
  const rights: { models?: string[]; targets?: string[]; regions?: string[]; price?: string } = {}
  for (const scope of scopes) {
    const [, kind, value = ''] = PREFIXED.exec(scope) ?? []
    if (kind === undefined) (rights.models ??= []).push(scope)
    else if (kind === 'target') (rights.targets ??= []).push(value)
    else if (kind === 'region') (rights.regions ??= []).push(value)
    else rights.price = lower(rights.price, DOLLARS.test(value) ? value : '0')
  }
  return rights
}

function lower(a: string | undefined, b: string): string {
  return a !== undefined && Number(a) < Number(b) ? a : b
}

/** What is wrong with a scope as a person wrote it; undefined when it is right. */
export function scopeFault(scope: string): string | undefined {
  if (!/^[\x21-\x7e]{1,256}$/.test(scope)) return 'a name without blanks'
  const [, kind, value = ''] = PREFIXED.exec(scope) ?? []
  if (kind !== undefined && value === '') return `something behind "${kind}:"`
  if (kind === 'price' && !DOLLARS.test(value)) return 'US dollars behind "price:", such as price:2.5'
  return undefined
}

/** Scopes as they are kept: each once, and every model where `*` stands among the models. */
export function tidyScopes(scopes: readonly string[]): string[] {
  const isWide = scopes.includes('*')
  return [...new Set(scopes)].filter((scope) => !isWide || PREFIXED.test(scope))
}
