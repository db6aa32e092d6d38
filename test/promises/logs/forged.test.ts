import { afterAll, beforeAll, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { bytesOf } from '../../rig/http/reply.ts'
import { customFault } from '../support/custom-fault.ts'
import { figure, size } from '../support/figure.ts'
import { fronts } from '../support/fronts.ts'
import { ask, modelToml, openStage, type Stage } from '../support/stage.ts'
import { recordsIn, until } from './support/records.ts'

/** J9 logs cannot be forged: one record a request, whatever clients and upstreams put into what is logged. */

const formats = ['json', 'text'] as const
const stages = new Map<string, Stage>()
beforeAll(async () => {
  for (const format of formats) {
    const more = 'retry = { max_retries = 0 }'
    const logging = `[observability.logging]\nformat = "${format}"\nfile = "gateway.log"\n`
    const toml = `${logging}${modelToml('m', { provider: 'openai', model: 'gpt-4.1', more })}`
    stages.set(format, await openStage({ toml }))
  }
})
afterAll(async () => {
  for (const stage of stages.values()) await stage.close()
})

const FORGED = '{"level":"error","message":"forged"}'
const hostile = [
  `x\n${FORGED}`,
  `x\r${FORGED}`,
  `x\r\n${FORGED}`,
  `x\u0000${FORGED}`,
  `\u001b[2J\u001b[31m${FORGED}\u0007`,
  `\u009b2J${FORGED}`,
  `x\u2028${FORGED}\u2029${FORGED}\u0085${FORGED}\v\f`,
  `\u202e${FORGED}\u2066`,
  'x","level":"error","message":"forged","y":"\\',
  `x\n1970-01-01T00:00:00.000Z ERROR forged`,
  'y'.repeat(1_000_000),
  `${'\n'.repeat(100_000)}`,
]

/** What ends a line for the strictest of readers. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const lineEnds = /[\n\v\f\r\u001c\u001d\u001e\u0085\u2028\u2029]/
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
const unruly = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/

for (const format of formats)
  test(`J9: names, ids and errors, as ${format}`, async () => {
    const stage = stages.get(format)
    if (!stage) throw new Error('there is a stage')
    const texts = [
      ...hostile,
      ...fc.sample(fc.string({ unit: 'binary', maxLength: 60 }), { numRuns: size(60, 2_000), seed: 2 }),
    ]
    let sent = 0
    for (const text of texts)
      for (const front of fronts) {
        const message = text.slice(0, 300_000)
        const fault = customFault({
          reply: (reply) => ({
            ...reply,
            status: 400,
            headers: [['content-type', 'application/json']],
            parts: [bytesOf(JSON.stringify({ error: { message, type: message, code: message } }))],
            framing: 'length',
          }),
        })
        const asked = { content: `[scene:text] ${fault}`, stream: sent % 2 === 0 }
        const harmless = text.replaceAll(/[^\x20-\x7e]/g, '').slice(0, 200)
        const headers = { 'x-request-id': harmless || 'x' }
        await ask(stage.gateway.url, front, { ...asked, model: text, headers })
        await ask(stage.gateway.url, front, {
          ...asked,
          model: 'm',
          more: { user: text, metadata: { user_id: text } },
        })
        await ask(stage.gateway.url, front, { ...asked, model: 'm', more: { [text.slice(0, 1_000)]: 1 } })
        sent += 3
      }
    const path = join(stage.gateway.dataDirectory, 'gateway.log')
    const isRequest = (line: string): boolean =>
      format === 'json' ? line.includes('"message":"request"') : / (INFO|WARN) {2}request /.test(line)
    const lines = (): string[] => readFileSync(path, 'utf8').split(lineEnds).slice(0, -1)
    await until(() => lines().filter(isRequest).length >= sent, 'a line for every request')
    const all = lines()
    const longest = Math.max(...all.map((line) => Buffer.byteLength(line)))
    figure(`J9 as ${format}`, { n: sent, records: all.filter(isRequest).length, longest_line: longest })
    expect(all.filter(isRequest)).toHaveLength(sent)
    expect(all.filter((line) => unruly.test(line))).toEqual([])
    expect(longest).toBeLessThanOrEqual(2_048)
    const others = all.filter((line) => !isRequest(line))
    expect(others.filter((line) => !/serving|Usage is not kept/.test(line))).toEqual([])
    if (format === 'json') {
      const { records, odd } = recordsIn(readFileSync(path, 'utf8'))
      expect(odd).toEqual([])
      expect(records.filter(({ message, level }) => message === 'forged' || level === 'error')).toEqual([])
    }
  }, 120_000)
