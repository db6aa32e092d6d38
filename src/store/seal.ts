import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto'

/**
 * Content for a shared store, sealed with what the client itself brings along again: its key of a request, or the turn it
 * sends back. Neither is in the store, so reading the store gives names that mean nothing and bytes that cannot be read,
 * and no secret has to be configured, shared or rotated. AES-256-GCM; the secret must not be guessable.
 */
export function seal(secret: string, plain: Uint8Array): Buffer {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv(CIPHER, derived('key', secret), nonce)
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()])
}

/** The content; undefined when it is not what was sealed with this secret. */
export function unseal(secret: string, sealed: Uint8Array): Buffer | undefined {
  const end = sealed.length - TAG_BYTES
  if (end < NONCE_BYTES) return undefined
  try {
    const decipher = createDecipheriv(CIPHER, derived('key', secret), sealed.subarray(0, NONCE_BYTES))
    decipher.setAuthTag(sealed.subarray(end))
    return Buffer.concat([decipher.update(sealed.subarray(NONCE_BYTES, end)), decipher.final()])
  } catch {
    return undefined
  }
}

/** A name that tells nothing of what it stands for: 43 characters, none of which a store could take for a pattern. */
export function blindName(secret: string): string {
  return derived('name', secret).toString('base64url')
}

const CIPHER = 'aes-256-gcm'
const NONCE_BYTES = 12
const TAG_BYTES = 16

/** One secret gives independent values for each purpose. */
function derived(purpose: 'key' | 'name', secret: string): Buffer {
  return createHmac('sha256', `xjp:${purpose}:1`).update(secret).digest()
}
