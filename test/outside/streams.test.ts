import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { hear } from './hear.ts'
import { openStage, type Stage, scripted } from './stage.ts'
import { chatRows } from './streams-chat.ts'
import { googleRows } from './streams-google.ts'
import { messageRows } from './streams-messages.ts'

/**
 * What upstreams really send (protocol.md §1.5, §3), and what a client of another dialect hears of it. The same
 * answer is asked for whole as well: both ways must say the same.
 */

let stage: Stage
beforeAll(async () => {
  stage = await openStage()
})
afterAll(() => stage.stop())

const wires = [
  { rows: chatRows, model: 'openai/gpt-4o', path: '/v1/messages' },
  { rows: messageRows, model: 'anthropic/claude-sonnet-4-5', path: '/v1/chat/completions' },
  { rows: googleRows, model: 'gemini/gemini-2.5-flash', path: '/v1/chat/completions' },
]

for (const { rows, model, path } of wires)
  describe(`${model} → ${path}`, () => {
    for (const [what, events, expected] of rows)
      for (const stream of [true, false])
        test(`${what}${stream ? '' : ', asked for whole'}`, async () => {
          const script = () =>
            typeof events === 'string'
              ? new Response(events, { headers: { 'content-type': 'text/event-stream' } })
              : events
          const heard = await scripted(stage, script, async () =>
            hear(
              path,
              await stage.post(path, {
                model,
                stream,
                max_tokens: 100,
                messages: [{ role: 'user', content: 'hi' }],
                ...(stream && path !== '/v1/messages' ? { stream_options: { include_usage: true } } : {}),
              }),
            ),
          )
          const { error, ...others } = expected
          if (error === undefined) expect(heard.error).toBe('')
          else expect(heard.error).toMatch(error as RegExp)
          expect(heard).toMatchObject(others)
        })
  })
