import { isObject, type JsonObject, parseJson } from './json.ts'

/**
 * The arguments of a call as an object. Text that is not JSON is repaired where that cannot change its meaning
 * (protocol.md §2.5); a truncated call is never completed. Undefined when it cannot be read.
 */
export function readArguments(text: string): JsonObject | undefined {
  if (text.trim() === '') return {}
  for (const repair of repairs) {
    const value = parseJson(repair(text))
    if (isObject(value)) return value
    if (value === null) return {}
    if (typeof value === 'string') {
      const inner = parseJson(value)
      if (isObject(inner)) return inner
    }
  }
  return undefined
}

/** Arguments that cannot be read, for a wire that wants an object: still there for the model to see. */
export function rawArguments(text: string): JsonObject {
  return { _raw_arguments: text }
}

/** The arguments as an object, whatever they are. */
export function argumentsObject(text: string): JsonObject {
  return readArguments(text) ?? rawArguments(text)
}

const repairs: readonly ((text: string) => string)[] = [
  (text) => text,
  withoutFence,
  (text) => escapeControls(withoutFence(text)),
  (text) => withoutTrailingCommas(escapeControls(withoutFence(text))),
]

function withoutFence(text: string): string {
  const fenced = /^\s*```[a-zA-Z]*\s*\n([\s\S]*?)\n?\s*```\s*$/.exec(text)
  return fenced?.[1] ?? text
}

/** Raw line ends and tabs inside strings, written as the escapes they should have been. */
function escapeControls(text: string): string {
  return replaceByPlace(text, (character, inString) =>
    inString && character < ' ' ? JSON.stringify(character).slice(1, -1) : character,
  )
}

function withoutTrailingCommas(text: string): string {
  return replaceByPlace(text, (character, inString, index) =>
    !inString && character === ',' && /^\s*[}\]]/.test(text.slice(index + 1, index + 200)) ? '' : character,
  )
}

function replaceByPlace(
  text: string,
  replace: (character: string, inString: boolean, index: number) => string,
): string {
  let out = ''
  let inString = false
  let escaped = false
  for (let index = 0; index < text.length; index += 1) {
    const character = text[index] as string
    out += replace(character, inString, index)
    if (escaped) escaped = false
    else if (character === '\\') escaped = inString
    else if (character === '"') inString = !inString
  }
  return out
}
