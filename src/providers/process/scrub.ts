/** Words that look like a provider's key or a token, whoever's it is. */
const keys = /\b(?:(?:sk|pk|rk|gsk|hf|xai|nvapi|pplx)[-_]|AIza|ya29\.|XJP_|eyJ)[A-Za-z0-9._~+/=-]{8,}/g
const schemes = /\b(Bearer|Basic)\s+\S+/gi

/**
 * What a command wrote on its standard error, fit for a client's eyes: without the values of the variables it was
 * given, and without what looks like a credential.
 */
export function scrub(text: string, secrets: readonly (string | undefined)[]): string {
  let clean = text
  for (const secret of secrets)
    if (secret !== undefined && secret.length >= 6) clean = clean.replaceAll(secret, '[redacted]')
  return clean.replace(keys, '[redacted]').replace(schemes, '$1 [redacted]')
}
