import { afterEach, describe, expect, test } from 'bun:test'
import type { Fault } from '../../rig/fault/fault.ts'
import { sendRaw } from '../../rig/swarm.ts'
import { customFault } from '../support/custom-fault.ts'
import { chatFront, type Front, messagesFront } from '../support/fronts.ts'
import { modelToml, openStage, type Stage } from '../support/stage.ts'
import { type Row, readBooks, rowsByRequest } from './support/books.ts'

/** C2, `on_disconnect = "drain"`: an upstream that goes on and on is read for so long and no longer. */

let stage: Stage | undefined
afterEach(() => stage?.close())

const forever: Fault = { paceMs: 100 }
const MARK = `[scene:long@600] ${customFault(forever)}`

async function open(usage: string, server = ''): Promise<Stage> {
  const model = modelToml('m', { provider: 'openai', model: 'gpt-4.1' })
  const opened = await openStage({ toml: `[usage]\non_disconnect = "drain"\n${usage}\n${server}\n${model}` })
  stage = opened
  return opened
}

/** Reads some of an endless stream and leaves. */
async function leave({ gateway }: Stage, front: Front, word: string): Promise<void> {
  const headers = { 'x-request-id': word }
  const request = { url: gateway.url, path: front.path, headers, body: front.body('m', MARK, true) }
  await sendRaw(request, { abort: { atByte: 1_500, how: 'rst' } })
}

async function rowOf(dataDirectory: string, word: string): Promise<Row | undefined> {
  return rowsByRequest(await readBooks(dataDirectory, {})).get(word)?.[0]
}

describe('an upstream without an end', () => {
  test.each([chatFront, messagesFront])('is left after drain_seconds: $name', async (front) => {
    const opened = await open('drain_seconds = 1')
    const { gateway, upstream } = opened
    await leave(opened, front, 'capped')
    const left = performance.now()
    await upstream.ledger.until(([entry]) => entry?.ended === 'client', 5_000)
    const took = performance.now() - left
    expect(took).toBeGreaterThan(700)
    expect(took).toBeLessThan(2_500)
    let row = await rowOf(gateway.dataDirectory, 'capped')
    for (let tries = 0; row === undefined && tries < 10; tries += 1)
      row = await rowOf(gateway.dataDirectory, 'capped')
    expect(row).toMatchObject({ status: 499, end_reason: 'client', usage_source: 'estimated' })
    // A second's worth more than the client has read.
    expect(row?.completion_tokens).toBeGreaterThan(10)
  })

  test('that had not even answered when its client left is heard out all the same', async () => {
    const opened = await open('drain_seconds = 30', '[server]\nkeep_alive_ms = 1000')
    const { gateway, upstream } = opened
    const late: Fault = { stalls: [{ at: 0, of: 'wire', ms: 1_800 }] }
    const headers = { 'x-request-id': 'late' }
    const body = chatFront.body('m', `[scene:usage] ${customFault(late)}`, true)
    const request = { url: gateway.url, path: chatFront.path, headers, body }
    // Only heartbeats have come by then.
    const seen = await sendRaw(request, { abort: { atByte: 150, how: 'rst' } })
    expect(seen.ended).toBe('aborted')
    await upstream.ledger.until(([entry]) => entry?.ended !== undefined, 5_000)
    let row = await rowOf(gateway.dataDirectory, 'late')
    for (let tries = 0; row === undefined && tries < 10; tries += 1)
      row = await rowOf(gateway.dataDirectory, 'late')
    expect(row).toMatchObject({
      status: 499,
      end_reason: 'client',
      usage_source: 'reported',
      prompt_tokens: 1000,
      completion_tokens: 50,
    })
  })

  test('does not hold up the end of the program beyond its drain limit', async () => {
    const opened = await open('drain_seconds = 3600', '[server]\ndrain_seconds = 1')
    const { gateway, upstream } = opened
    await leave(opened, chatFront, 'stopped')
    const begun = performance.now()
    expect(await gateway.stop()).toBe(0)
    expect(performance.now() - begun).toBeLessThan(3_000)
    expect(upstream.ledger.entries[0]?.ended).toBe('client')
    const said = gateway
      .output()
      .stdout.split('\n')
      .filter((line) => line.includes('"request_id":"stopped"'))
    expect(said).toHaveLength(1)
    expect(said[0]).toContain('"ended_by":"client"')
    expect(said[0]).toContain('"status":499')
    expect(said[0]).toContain('"usage_estimated":true')
  })
})
