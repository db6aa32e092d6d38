import type { RecordedFile, Recording } from './load.ts'

/** A recorded answer as a local server can play it. */
export interface Playable {
  name: string
  dialect: 'chat-completions' | 'messages' | 'generate-content'
  stream: boolean
  /** The body as it was received: JSON text, or the whole event stream. */
  body: string
}

/** Puts the framing of the dialect around recorded events. */
function framed(dialect: Playable['dialect'], chunks: readonly string[]): string {
  if (dialect === 'messages')
    return chunks
      .map((chunk) => `event: ${(JSON.parse(chunk) as { type: string }).type}\ndata: ${chunk}\n\n`)
      .join('')
  const events = chunks.map((chunk) => `data: ${chunk}\n\n`).join('')
  return dialect === 'chat-completions' ? `${events}data: [DONE]\n\n` : events
}

export function playRecording(recording: Recording, dialect: Playable['dialect']): Playable {
  return { name: recording.id, dialect, stream: recording.stream, body: recording.response.body }
}

/** A file of events holds one answer, or several one after the other: each is played by itself. */
export function playFile(file: RecordedFile, dialect: Playable['dialect']): Playable[] {
  const { name, chunks, body } = file
  if (!chunks) return [{ name, dialect, stream: false, body: body ?? '' }]
  const answers: string[][] = []
  for (const chunk of chunks) {
    if (answers.length === 0 || chunk.startsWith('{"type":"message_start"')) answers.push([])
    answers.at(-1)?.push(chunk)
  }
  return answers.map((each, index) => ({
    name: answers.length > 1 ? `${name} answer ${index + 1}` : name,
    dialect,
    stream: true,
    body: framed(dialect, each),
  }))
}

/**
 * Serves each playable under its own model name `recording-<number>`, on every path of its dialect. The model is in
 * the body, or in the path for generate-content.
 */
export function serveRecordings(playables: readonly Playable[]): { url: string; stop(): void } {
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      const sent = await request.text()
      const named = /recording-(\d+)/.exec(new URL(request.url).pathname) ?? /"recording-(\d+)"/.exec(sent)
      const playable = playables[Number(named?.[1] ?? -1)]
      if (!playable) return new Response('no such recording', { status: 404 })
      const type = playable.stream ? 'text/event-stream' : 'application/json'
      return new Response(playable.body, { headers: { 'content-type': type } })
    },
  })
  return { url: `http://127.0.0.1:${server.port}`, stop: () => void server.stop(true) }
}
