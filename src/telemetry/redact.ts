import { KnownSecrets } from './known-secrets.ts'

/** Shapes of credentials in the wild. None of them eats a quote or a backslash, so JSON stays JSON; all are linear. */
const shapes: readonly [RegExp, string][] = [
  [/\b(XJP_[A-Za-z0-9_-]{4})[A-Za-z0-9_-]{4,}/g, '$1…'],
  [/\b((?:sk|pk|rk)[-_][A-Za-z0-9_-]{3})[A-Za-z0-9_-]{8,}/g, '$1…'],
  [/\b(AIza[A-Za-z0-9_-]{4})[A-Za-z0-9_-]{10,}/g, '$1…'],
  [
    /\b(gsk_|xai-|hf_|ya29\.|nvapi-|pplx-|AKIA|ASIA|gh[pousr]_|glpat-|xox[abeoprs]-|SG\.)[A-Za-z0-9._-]{8,}/g,
    '$1…',
  ],
  [/\b(eyJ[A-Za-z0-9_-]{5})[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?/g, '$1…'],
  [/\b(Bearer|Basic)(\s{1,4}|%20|\+)[A-Za-z0-9._~+/=-]{8,}/gi, '$1 …'],
  [/(:\/\/[^\s:/@"'\\]{0,64}:)[^\s/@"'\\]{1,200}(?=@)/g, '$1…'],
  [/([?&](?:key|api[_-]?key|access_token|token|sig|signature)=)[^&\s"'\\<>]+/gi, '$1…'],
  [
    /((?:api[_-]?key|access[_-]?token|refresh[_-]?token|authorization|private[_-]?key|client[_-]?secret|password)\\{0,4}["']?\s{0,4}[:=]\s{0,4}\\{0,4}["']?)[A-Za-z0-9._~+/=-]{8,}/gi,
    '$1…',
  ],
]

/** One pass that says whether any shape is worth trying: ordinary lines have none. */
const hint =
  /XJP_|[spr]k[-_]|AIza|gsk_|xai-|hf_|ya29|nvapi-|pplx-|A[KS]IA|gh[pousr]_|glpat-|xox|SG\.|:\/\/|eyJ|[?&]sig|key|token|bearer|basic|authorization|secret|password/i

const KEY_BEGIN = '-----BEGIN '
const KEY_NAME = 'PRIVATE KEY-----'
const KEY_END = '-----END '

/**
 * Takes secrets out of text before it leaves the process in a log line or an error body (promises M1, M4): known ones
 * in every spelling and also in part, unknown ones by the shapes that keys have.
 */
export class Redactor {
  readonly #known = new KnownSecrets()
  /** How often a secret was given: a text that was clean before may hold a later one. */
  learned = 0

  /** Remembers a secret. One of less than eight characters is ignored: it would hit words. */
  learn(secret: string | undefined): void {
    if (secret === undefined) return
    this.#known.add(secret)
    this.learned += 1
  }

  text(text: string): string {
    let clean = this.#known.remove(text, '[redacted]')
    if (clean.includes(KEY_BEGIN)) clean = withoutPrivateKeys(clean)
    if (hint.test(clean)) for (const [shape, instead] of shapes) clean = clean.replace(shape, instead)
    return clean
  }
}

/** PEM blocks, also one whose end was cut off. */
function withoutPrivateKeys(text: string): string {
  let clean = ''
  let from = 0
  for (let at = text.indexOf(KEY_BEGIN); at !== -1; at = text.indexOf(KEY_BEGIN, at + 1)) {
    const name = text.slice(at + KEY_BEGIN.length, at + KEY_BEGIN.length + 40)
    if (!name.includes(KEY_NAME)) continue
    clean += `${text.slice(from, at)}[private key]`
    const end = text.indexOf(KEY_END, at)
    if (end === -1) return clean
    from = end + KEY_END.length + name.indexOf(KEY_NAME) + KEY_NAME.length
    at = from
  }
  return clean + text.slice(from)
}

/** A key as logs may show it: its first eight characters. */
export function keyPrefix(key: string): string {
  return `${key.slice(0, 8)}…`
}
