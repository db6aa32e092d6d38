/** The well-known names of the GenAI semantic conventions for kinds of providers, where they differ from ours. */
const names: Readonly<Record<string, string>> = {
  azure: 'azure.ai.openai',
  gemini: 'gcp.gemini',
  mistral: 'mistral_ai',
  vertex: 'gcp.vertex_ai',
  xai: 'x_ai',
}

/** `gen_ai.provider.name` of a kind of provider. */
export function semanticNameOf(type: string): string {
  return Object.hasOwn(names, type) ? (names[type] as string) : type
}
