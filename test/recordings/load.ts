import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'

/**
 * The recorded exchanges that lie beside the project (not in it). Suites that need them register one test that
 * says so when the folder is absent. `XJP_RECORDINGS` points elsewhere.
 */
export const recordingsFolder =
  process.env['XJP_RECORDINGS'] ?? resolve(import.meta.dir, '../../../shared/recordings')

export interface Recording {
  id: string
  provider: string
  api:
    | 'openai-chat'
    | 'openai-responses'
    | 'openai-embeddings'
    | 'anthropic-messages'
    | 'anthropic-count-tokens'
    | 'gemini'
    | 'gemini-stream'
    | 'gemini-count-tokens'
    | 'models'
  stream: boolean
  url: string
  request: { method: string; headers: Record<string, string>; body: string }
  response: { status: number; headers: Record<string, string>; body: string }
}

export function haveRecordings(): boolean {
  return existsSync(recordingsFolder)
}

export function recordings(api: Recording['api']): Recording[] {
  if (!haveRecordings()) return []
  return readdirSync(recordingsFolder)
    .filter((name) => name.endsWith('.jsonl'))
    .sort()
    .flatMap((name) => readFileSync(join(recordingsFolder, name), 'utf8').split('\n'))
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Recording)
    .filter((recording) => recording.api === api)
}

/** One recorded stream (`chunks`: the JSON behind each `data:`) or whole answer (`body`). */
export interface RecordedFile {
  name: string
  vendor: string
  chunks?: string[]
  body?: string
}

export function recordedFiles(vendors: readonly string[]): RecordedFile[] {
  if (!haveRecordings()) return []
  return vendors.flatMap((vendor) => {
    const folder = join(recordingsFolder, 'streams', vendor)
    if (!existsSync(folder)) return []
    return readdirSync(folder)
      .sort()
      .map((file): RecordedFile => {
        const text = readFileSync(join(folder, file), 'utf8')
        const name = `${vendor}/${file}`
        return file.endsWith('.chunks.txt')
          ? { name, vendor, chunks: text.split('\n').filter((line) => line.trim() !== '') }
          : { name, vendor, body: text }
      })
  })
}
