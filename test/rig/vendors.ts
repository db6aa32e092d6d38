/** The vendors the rig plays: their keys, how the keys are carried, and their models. */
export interface Vendor {
  /** Environment variables with the path behind the rig's address. */
  address: { variable: string; path: string }
  /** Environment variable for the key. */
  key: string
  carriers: readonly ('bearer' | 'x-api-key' | 'x-goog-api-key')[]
  models: readonly string[]
}

export const vendors: Record<string, Vendor> = {
  openai: {
    address: { variable: 'OPENAI_BASE_URL', path: '/openai/v1' },
    key: 'OPENAI_API_KEY',
    carriers: ['bearer'],
    models: ['gpt-4.1', 'gpt-4o-mini', 'gpt-5.2', 'o4-mini'],
  },
  openrouter: {
    address: { variable: 'OPENROUTER_BASE_URL', path: '/openrouter/api/v1' },
    key: 'OPENROUTER_API_KEY',
    carriers: ['bearer'],
    models: ['anthropic/claude-sonnet-4.5', 'google/gemini-2.5-pro', 'openai/gpt-4o-mini'],
  },
  anthropic: {
    address: { variable: 'ANTHROPIC_BASE_URL', path: '/anthropic' },
    key: 'ANTHROPIC_API_KEY',
    carriers: ['x-api-key', 'bearer'],
    models: ['claude-sonnet-4-5', 'claude-opus-4-6', 'claude-sonnet-5-5'],
  },
  vertex: {
    address: { variable: 'VERTEX_BASE_URL', path: '/vertex' },
    key: 'VERTEX_API_KEY',
    carriers: ['x-goog-api-key', 'bearer'],
    models: ['gemini-2.5-flash', 'gemini-3-pro-preview', 'claude-sonnet-4-5@20250929'],
  },
  gemini: {
    address: { variable: 'GEMINI_BASE_URL', path: '/gemini' },
    key: 'GEMINI_API_KEY',
    carriers: ['x-goog-api-key', 'bearer'],
    models: ['gemini-2.5-flash', 'gemini-3-pro-preview'],
  },
  clewdr: {
    address: { variable: 'CLEWDR_BASE_URL', path: '/clewdr' },
    key: 'CLEWDR_API_KEY',
    carriers: ['bearer', 'x-api-key'],
    models: ['claude-sonnet-4-5-20250929', 'claude-opus-4-6'],
  },
  deepseek: {
    address: { variable: 'DEEPSEEK_BASE_URL', path: '/deepseek/v1' },
    key: 'DEEPSEEK_API_KEY',
    carriers: ['bearer'],
    models: ['deepseek-chat', 'deepseek-reasoner'],
  },
}

/** The only key a vendor takes. It is recognisable, so that a leak into a log or to another vendor shows. */
export function keyOf(vendor: string): string {
  return `rig-secret-${vendor}-0123456789abcdef`
}

/** The credential a request carries in a way this vendor accepts, or undefined. */
export function credentialOf(
  vendor: string,
  header: (name: string) => string | undefined,
): string | undefined {
  for (const carrier of vendors[vendor]?.carriers ?? ['bearer']) {
    const value = header(carrier === 'bearer' ? 'authorization' : carrier)
    if (value === undefined) continue
    return carrier === 'bearer' ? value.replace(/^Bearer /i, '') : value
  }
  return undefined
}

/** Environment of a gateway whose every provider is the rig. Claude on Vertex wants a token and a project. */
export function providerEnvironment(rigUrl: string): Record<string, string> {
  const addresses = Object.entries(vendors).flatMap(([name, vendor]) => [
    [vendor.address.variable, rigUrl + vendor.address.path],
    [vendor.key, keyOf(name)],
  ])
  return {
    ...Object.fromEntries(addresses),
    VERTEX_ACCESS_TOKEN: keyOf('vertex'),
    VERTEX_PROJECT: 'rig-project',
    VERTEX_REGION: 'us-central1',
  }
}
