import { describe, expect, test } from 'bun:test'
import { isObject, parseJson } from '../../src/protocol/model/json.ts'
import type { DialectName } from '../../src/protocol/model/origin.ts'
import type { Operation } from '../../src/providers/provider.ts'
import { haveRecordings, type Recording, recordings, recordingsFolder } from '../recordings/load.ts'
import { httpProvider, settingsFor } from './settings.ts'

/** What each recorded API is here. */
const apis = {
  'openai-chat': { operation: 'generate', dialect: 'chat-completions' },
  'openai-responses': { operation: 'generate', dialect: 'responses' },
  'anthropic-messages': { operation: 'generate', dialect: 'messages' },
  'anthropic-count-tokens': { operation: 'count-tokens', dialect: 'messages' },
  gemini: { operation: 'generate', dialect: undefined },
  'gemini-stream': { operation: 'stream', dialect: undefined },
  'gemini-count-tokens': { operation: 'count-tokens', dialect: undefined },
  models: { operation: 'list-models', dialect: undefined },
} as const satisfies Partial<
  Record<Recording['api'], { operation: Operation; dialect: DialectName | undefined }>
>

/** Local test servers and third parties' own paths, which no default address leads to. */
const elsewhere = /^http:\/\/localhost|ollama\.com|router\.huggingface\.co\/(together|nebius)/

function modelOf(recording: Recording): string {
  const inPath =
    recording.url.match(/\/models\/([^:/?]+)/)?.[1] ?? recording.url.match(/\/deployments\/([^/]+)/)?.[1]
  const body = parseJson(recording.request.body)
  const inBody = isObject(body) && typeof body['model'] === 'string' ? body['model'] : ''
  return inPath ?? inBody
}

/** The settings that the recorded address implies. */
function settingsOf(recording: Recording, dialect: DialectName | undefined) {
  const provider = httpProvider(recording.provider)
  const url = new URL(recording.url)
  const [, project, region] = url.pathname.match(/\/projects\/([^/]+)\/locations\/([^/]+)/) ?? []
  const base =
    recording.provider === 'azure'
      ? url.origin + (url.pathname.startsWith('/openai/v1') ? '/openai/v1' : '')
      : provider.defaultBaseUrl
  const version = url.searchParams.get('api-version')
  const chosen =
    recording.provider === 'vertex' || (recording.provider === 'gemini' && dialect !== 'chat-completions')
      ? undefined
      : dialect
  return settingsFor({
    baseUrl: base ?? '',
    accessToken: 't',
    ...(project === undefined ? {} : { project }),
    ...(region === undefined ? {} : { region }),
    ...(chosen === undefined ? {} : { dialect: chosen }),
    options: version === null ? {} : { apiVersion: version },
  })
}

describe('recorded addresses', () => {
  if (!haveRecordings()) {
    test(`no recordings at ${recordingsFolder}: set XJP_RECORDINGS to run this suite`, () => {
      expect(haveRecordings()).toBe(false)
    })
    return
  }
  for (const [api, { operation, dialect }] of Object.entries(apis)) {
    const own = recordings(api as Recording['api']).filter(({ url }) => !elsewhere.test(url))
    test(`${api}: ${own.length} calls went where we would send them`, () => {
      expect(own.length).toBeGreaterThan(0)
      for (const recording of own) {
        const place = httpProvider(recording.provider).place(
          operation,
          modelOf(recording),
          settingsOf(recording, dialect),
        )
        expect(place?.url).toBe(recording.url.replace('?beta=true', ''))
        expect(place?.method).toBe(recording.request.method === 'GET' ? 'GET' : 'POST')
      }
    })
  }
})
