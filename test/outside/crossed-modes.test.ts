import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { haveRecordings, type Recording, recordings } from '../recordings/load.ts'
import { type Heard, hear } from './hear.ts'
import { openStage, type Stage } from './stage.ts'

/**
 * A recorded whole answer asked for as a stream, and a recorded stream asked for whole: upstreams do not always do as
 * they are told, and what the client understands must not depend on it.
 */

const wires = [
  { apis: ['openai-chat'], model: 'openai/gpt-4o', other: '/v1/messages' },
  { apis: ['anthropic-messages'], model: 'anthropic/claude-sonnet-4-5', other: '/v1/chat/completions' },
  { apis: ['gemini', 'gemini-stream'], model: 'gemini/gemini-2.5-flash', other: '/v1/chat/completions' },
] as const

function isAnswer({ response }: Recording): boolean {
  return (
    response.status === 200 && typeof response.body === 'string' && !/^\s*\{\s*"error"/.test(response.body)
  )
}

/** Of an answer that failed in the middle a stream has shown the beginning; asked for whole there is only the error. */
function isSame(asked: Heard, crossed: Heard): boolean {
  return asked.error === '' ? Bun.deepEquals(asked, crossed) : asked.error === crossed.error
}

describe('the mode the client did not ask for', () => {
  if (!haveRecordings()) {
    test('the folder of recorded exchanges is absent: set XJP_RECORDINGS to run this suite', () => {
      expect(haveRecordings()).toBe(false)
    })
    return
  }
  let stage: Stage
  beforeAll(async () => {
    stage = await openStage()
  })
  afterAll(() => stage.stop())

  async function ask(path: string, model: string, stream: boolean): Promise<Heard> {
    const messages = [{ role: 'user', content: 'Say it again.' }]
    const options = stream && path !== '/v1/messages' ? { stream_options: { include_usage: true } } : {}
    return hear(path, await stage.post(path, { model, stream, max_tokens: 1000, messages, ...options }))
  }

  for (const { apis, model, other } of wires)
    test(`${model}, heard at ${other}`, async () => {
      const played = apis.flatMap((api) => recordings(api)).filter(isAnswer)
      const differing: unknown[] = []
      for (const recording of played) {
        const isStream = !/^\s*[[{]/.test(recording.response.body)
        const type = isStream ? 'text/event-stream' : 'application/json'
        stage.mock.answer(() => new Response(recording.response.body, { headers: { 'content-type': type } }))
        const asked = await ask(other, model, isStream)
        const crossed = await ask(other, model, !isStream)
        if (!isSame(asked, crossed)) differing.push({ id: recording.id, asked, crossed })
      }
      expect(differing).toEqual([])
      expect(played.length).toBeGreaterThan(50)
    }, 30_000)
})
