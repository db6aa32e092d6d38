import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import { type GatewayProcess, startGateway } from '../rig/gateway.ts'
import { haveRecordings, recordedFiles, recordings } from './load.ts'
import { type Reading, readChat, readGenerateContent, readMessage } from './reading.ts'
import { type Playable, playFile, playRecording, serveRecordings } from './serve-recording.ts'
import { allowed } from './through-gateway-exceptions.ts'

const KEY = 'recorded-answers-need-no-key'
const question = [{ role: 'user' as const, content: 'Say it again.' }]

/** Every recorded answer that is one: errors and what other endpoints gave are left to the dialects' own suites. */
function playables(): Playable[] {
  const chatVendors = [
    'alibaba',
    'azure',
    'deepseek-chat',
    'groq',
    'mistral',
    'moonshotai',
    'openai-chat',
    'openai-compatible-chat',
    'xai',
  ]
  const all = [
    ...recordings('openai-chat').map((recording) => playRecording(recording, 'chat-completions')),
    ...recordings('anthropic-messages').map((recording) => playRecording(recording, 'messages')),
    ...[...recordings('gemini'), ...recordings('gemini-stream')].map((recording) =>
      playRecording(recording, 'generate-content'),
    ),
    ...recordedFiles(chatVendors).flatMap((file) => playFile(file, 'chat-completions')),
    ...recordedFiles(['anthropic']).flatMap((file) => playFile(file, 'messages')),
    ...recordedFiles(['google']).flatMap((file) => playFile(file, 'generate-content')),
  ]
  return all.filter(isAnswer)
}

const marks = {
  'chat-completions': '"choices"',
  messages: '"content"',
  'generate-content': '"usageMetadata"',
} as const

function isAnswer(playable: Playable): boolean {
  if (playable.stream) return /"(choices|message_start|candidates)"/.test(playable.body)
  return (
    playable.body.includes(marks[playable.dialect]) &&
    !/^\s*\{\s*"(error|type"\s*:\s*"error)"/.test(playable.body)
  )
}

const providers = {
  'chat-completions': 'openai',
  messages: 'anthropic',
  'generate-content': 'gemini',
} as const

/** Read by the vendor's own SDK from the local server; the generate-content wire by hand. */
async function direct(playable: Playable, index: number, server: string): Promise<Reading> {
  const model = `recording-${index}`
  if (playable.dialect === 'generate-content') return readGenerateContent(chunksOf(playable))
  if (playable.dialect === 'messages') return askAnthropic(server, model, playable.stream)
  return askOpenAi(`${server}/v1`, model, playable.stream)
}

function chunksOf(playable: Playable): Parameters<typeof readGenerateContent>[0] {
  if (!playable.stream) return [JSON.parse(playable.body)]
  return playable.body
    .split(/\r?\n/)
    .filter((line) => line.startsWith('data:'))
    .map((line) => JSON.parse(line.slice(5)))
}

async function askOpenAi(baseURL: string, model: string, stream: boolean): Promise<Reading> {
  const client = new OpenAI({ apiKey: KEY, baseURL, maxRetries: 0 })
  if (!stream) return readChat(await client.chat.completions.create({ model, messages: question }))
  const runner = client.chat.completions.stream({
    model,
    messages: question,
    stream_options: { include_usage: true },
  })
  let usage: OpenAI.CompletionUsage | undefined
  for await (const chunk of runner) usage = chunk.usage ?? usage
  const completion = await runner.finalChatCompletion()
  return readChat({ ...completion, ...(usage ? { usage } : {}) })
}

async function askAnthropic(baseURL: string, model: string, stream: boolean): Promise<Reading> {
  const client = new Anthropic({ apiKey: KEY, baseURL, maxRetries: 0 })
  const body = { model, max_tokens: 1000, messages: question }
  return readMessage(
    stream ? await client.messages.stream(body).finalMessage() : await client.messages.create(body),
  )
}

describe('(c) every recorded answer, read through the gateway by the other SDK, says what it says directly', () => {
  if (!haveRecordings()) {
    test('the folder of recorded exchanges is absent: set XJP_RECORDINGS to run this suite', () => {
      expect(haveRecordings()).toBe(false)
    })
    return
  }
  const all = playables()
  let server: ReturnType<typeof serveRecordings>
  let gateway: GatewayProcess
  const counts: Record<string, number> = {}

  beforeAll(async () => {
    server = serveRecordings(all)
    gateway = await startGateway({
      env: {
        OPENAI_BASE_URL: `${server.url}/v1`,
        ANTHROPIC_BASE_URL: server.url,
        GEMINI_BASE_URL: server.url,
        OPENAI_API_KEY: KEY,
        ANTHROPIC_API_KEY: KEY,
        GEMINI_API_KEY: KEY,
      },
    })
  })
  afterAll(async () => {
    await gateway.stop()
    server.stop()
    console.info(
      `recorded answers through the gateway: ${JSON.stringify(counts)}, exceptions listed: ${allowed.length}`,
    )
  })

  all.forEach((playable, index) => {
    const fronts =
      playable.dialect === 'chat-completions'
        ? (['messages'] as const)
        : playable.dialect === 'messages'
          ? (['chat-completions'] as const)
          : (['chat-completions', 'messages'] as const)
    for (const front of fronts)
      test(`${playable.dialect} → ${front}: ${playable.name}${playable.stream ? ' (stream)' : ''}`, async () => {
        const model = `${providers[playable.dialect]}/recording-${index}`
        const exception = allowed.find((each) => each.name === playable.name && each.front === front)
        const read = (): Promise<Reading> =>
          front === 'messages'
            ? askAnthropic(gateway.url, model, playable.stream)
            : askOpenAi(`${gateway.url}/v1`, model, playable.stream)
        if (exception?.raises === undefined) {
          const expected = exception?.expected ?? (await direct(playable, index, server.url))
          expect(await read()).toEqual({ ...expected, ...exception?.differs })
        } else {
          expect(direct(playable, index, server.url)).rejects.toThrow(exception.raises)
          expect(read()).rejects.toThrow(exception.raises)
        }
        const pair = `${playable.dialect} → ${front}`
        counts[pair] = (counts[pair] ?? 0) + 1
      })
  })

  test('every exception still belongs to a recording', () => {
    expect(allowed.filter((each) => !all.some((playable) => playable.name === each.name))).toEqual([])
  })
})
