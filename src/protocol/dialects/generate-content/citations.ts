import type { Citation } from '../../model/block.ts'
import { isObject, type Json, type JsonObject } from '../../model/json.ts'
import { DIALECT } from './wire.ts'

/** The visible text of one block, to find a citation's place in. */
export interface CitedText {
  /** Number of the block in the answer. */
  index: number
  text: string
}

export interface PlacedCitation {
  index: number
  citation: Citation
}

interface Segment {
  start: number
  end: number
  text: string | undefined
  part: number
}

/**
 * `groundingMetadata` and `citationMetadata` as citations of the candidate's text blocks. Segments count bytes of
 * one part (protocol.md §1.4), but streams omit which part and Google counts over the joined chunks: the quoted text
 * decides, and a segment that is found nowhere keeps its source without a place.
 */
export function citationsOf(
  grounding: JsonObject | undefined,
  sources: JsonObject | undefined,
  texts: readonly CitedText[],
): PlacedCitation[] {
  if (texts.length === 0) return []
  return [...groundedCitations(grounding, texts), ...sourceCitations(sources, texts)]
}

function groundedCitations(grounding: JsonObject | undefined, texts: readonly CitedText[]): PlacedCitation[] {
  const chunks = listOf(grounding?.['groundingChunks'])
  return listOf(grounding?.['groundingSupports']).flatMap((support) => {
    if (!isObject(support)) return []
    const segment = segmentOf(support['segment'])
    const place = locate(segment, texts)
    const indices = listOf(support['groundingChunkIndices'])
    return indices.flatMap((number): PlacedCitation[] => {
      const chunk = typeof number === 'number' ? chunks[number] : undefined
      if (!isObject(chunk)) return []
      const citation: Citation = { ...sourceOf(chunk), ...place.span }
      if (segment.text) citation.quote = segment.text
      citation.wire = {
        dialect: DIALECT,
        value: {
          groundingChunk: chunk,
          segment: support['segment'],
          confidenceScores: support['confidenceScores'],
        },
      }
      return [{ index: place.index, citation }]
    })
  })
}

/** A chunk is `{web: …}`, `{retrievedContext: …}` or `{maps: …}`: one member with `uri` and `title`. */
function sourceOf(chunk: JsonObject): Citation {
  const source = Object.values(chunk).find(isObject)
  return source === undefined ? {} : linkOf(source)
}

function linkOf(source: JsonObject): Citation {
  const { uri, title } = source
  return {
    ...(typeof uri === 'string' ? { url: uri } : {}),
    ...(typeof title === 'string' ? { title } : {}),
  }
}

function sourceCitations(sources: JsonObject | undefined, texts: readonly CitedText[]): PlacedCitation[] {
  const entries = listOf(sources?.['citations'] ?? sources?.['citationSources'])
  return entries.filter(isObject).map((entry) => {
    const place = locate(segmentOf(entry), texts)
    const citation: Citation = { ...linkOf(entry), ...place.span }
    citation.wire = { dialect: DIALECT, value: entry }
    return { index: place.index, citation }
  })
}

function segmentOf(value: Json | undefined): Segment {
  const segment = isObject(value) ? value : {}
  const number = (key: string) => (typeof segment[key] === 'number' ? segment[key] : undefined)
  return {
    start: number('startIndex') ?? 0,
    end: number('endIndex') ?? -1,
    text: typeof segment['text'] === 'string' ? segment['text'] : undefined,
    part: number('partIndex') ?? 0,
  }
}

interface Place {
  index: number
  span: { start: number; end: number } | undefined
}

function locate(segment: Segment, texts: readonly CitedText[]): Place {
  const fallback = texts[texts.length - 1]?.index ?? 0
  if (segment.end < 0) return { index: fallback, span: undefined }
  const likely = texts[segment.part] ?? texts[texts.length - 1]
  const order = likely ? [likely, ...texts.filter((text) => text !== likely)] : texts
  for (const { index, text } of order) {
    const start = utf16Offset(text, segment.start)
    const end = utf16Offset(text, segment.end)
    if (start === undefined || end === undefined || end < start) continue
    if (segment.text === undefined || text.slice(start, end) === segment.text)
      return { index, span: { start, end } }
  }
  return quoted(segment.text, texts) ?? { index: likely?.index ?? fallback, span: undefined }
}

/** Offsets that fit nowhere, but words that stand exactly once. */
function quoted(words: string | undefined, texts: readonly CitedText[]): Place | undefined {
  if (!words) return undefined
  const found = texts.flatMap(({ index, text }) => {
    const start = text.indexOf(words)
    return start < 0 ? [] : [{ index, start, once: text.indexOf(words, start + 1) < 0 }]
  })
  const [only] = found
  if (found.length !== 1 || !only?.once) return undefined
  return { index: only.index, span: { start: only.start, end: only.start + words.length } }
}

/** UTF-8 byte offset → UTF-16 offset; undefined beyond the text or inside a character. */
function utf16Offset(text: string, bytes: number): number | undefined {
  let left = bytes
  let offset = 0
  while (left > 0 && offset < text.length) {
    const code = text.codePointAt(offset) ?? 0
    left -= code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4
    offset += code < 0x10000 ? 1 : 2
  }
  return left === 0 ? offset : undefined
}

function listOf(value: Json | undefined): Json[] {
  return Array.isArray(value) ? value : []
}
