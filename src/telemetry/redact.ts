/**
 * Takes secrets out of text before it leaves the process in a log line or an error body (promises M1, M4).
 * Known secrets are removed exactly, in the spellings they travel in; unknown ones by the shapes that keys have.
 */
const MINIMUM_LENGTH = 8

/** Shapes of credentials in the wild: provider keys, bearer tokens, keys in query strings. Linear-time patterns. */
const shapes: readonly [RegExp, string][] = [
  [/\b(XJP_[A-Za-z0-9_-]{4})[A-Za-z0-9_-]{4,}/g, '$1…'],
  [/\b((?:sk|pk|rk)-[A-Za-z0-9_-]{3})[A-Za-z0-9_-]{8,}/g, '$1…'],
  [/\b(AIza[A-Za-z0-9_-]{4})[A-Za-z0-9_-]{10,}/g, '$1…'],
  [/\b(gsk_|xai-|hf_|ya29\.|nvapi-|pplx-)[A-Za-z0-9._-]{8,}/g, '$1…'],
  [/\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}/gi, '$1 …'],
  [/([?&](?:key|api_key|apikey|access_token|token)=)[^&\s"']+/gi, '$1…'],
  [
    /("(?:api[_-]?key|access_token|authorization|x-api-key|private_key|client_secret|refresh_token)"\s*:\s*")[^"]+/gi,
    '$1…',
  ],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?-----END [A-Z ]*PRIVATE KEY-----/g, '[private key]'],
]

export class Redactor {
  readonly #known = new Set<string>()

  /** Remembers a secret in every spelling it may be echoed in. Short values are ignored: they would hit words. */
  learn(secret: string | undefined): void {
    if (secret === undefined || secret.length < MINIMUM_LENGTH) return
    this.#known.add(secret)
    this.#known.add(encodeURIComponent(secret))
    this.#known.add(Buffer.from(secret).toString('base64'))
    this.#known.add(Buffer.from(secret).toString('base64url'))
    this.#known.add(Buffer.from(secret).toString('hex'))
  }

  text(text: string): string {
    let clean = text
    for (const secret of this.#known)
      if (clean.includes(secret)) clean = clean.replaceAll(secret, '[redacted]')
    for (const [shape, instead] of shapes) clean = clean.replace(shape, instead)
    return clean
  }
}

/** A key as logs may show it: its first eight characters. */
export function keyPrefix(key: string): string {
  return `${key.slice(0, 8)}…`
}
