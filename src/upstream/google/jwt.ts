import { refused } from './outside.ts'

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url')
}

function encoded(value: object): string {
  return base64url(new TextEncoder().encode(JSON.stringify(value)))
}

/** The bytes of a PKCS #8 private key in PEM form, as service account files hold it. */
function pemBytes(pem: string): Uint8Array<ArrayBuffer> {
  const body = pem.match(/-----BEGIN PRIVATE KEY-----([\s\S]+?)-----END PRIVATE KEY-----/)?.[1]
  if (body === undefined) throw refused('private_key: expected a PKCS #8 key ("-----BEGIN PRIVATE KEY-----")')
  return new Uint8Array(Buffer.from(body, 'base64'))
}

const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' } as const

/** A signed JWT (RS256). `keyId` names the key in the header. */
export async function signJwt(
  claims: object,
  privateKey: string,
  keyId: string | undefined,
): Promise<string> {
  const header = { alg: 'RS256', typ: 'JWT', ...(keyId === undefined ? {} : { kid: keyId }) }
  const text = `${encoded(header)}.${encoded(claims)}`
  const key = await importKey(privateKey)
  const signature = await crypto.subtle.sign(algorithm.name, key, new TextEncoder().encode(text))
  return `${text}.${base64url(new Uint8Array(signature))}`
}

async function importKey(pem: string): Promise<CryptoKey> {
  const bytes = pemBytes(pem)
  try {
    return await crypto.subtle.importKey('pkcs8', bytes, algorithm, false, ['sign'])
  } catch {
    // The reason could quote the key.
    throw refused('private_key: is no RSA key; download the service account file again')
  }
}
