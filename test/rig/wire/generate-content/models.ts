/** The generation of a Gemini model, which decides its rules (protocol.md §2.8.4): `gemini-2.5-pro` → 2.5. */
export function generation(model: string): number {
  const found = /gemini-(\d+(?:\.\d+)?)/.exec(model)?.[1]
  return found === undefined ? 3 : Number(found)
}

/** The documented stand-in for a signature that is not available. */
export const SENTINEL = 'skip_thought_signature_validator'
