import { afterAll, describe, expect, test } from 'bun:test'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import type { Snapshot } from '../../config/snapshot.ts'
import type { Call } from '../../pipeline/call.ts'
import { callWith, requestWith } from '../../policies/testing.ts'
import type { Block } from '../../protocol/model/block.ts'
import type { AnswerEvent } from '../../protocol/model/event.ts'
import { Redactor } from '../redact.ts'
import { Samples, type SamplesOptions } from './samples.ts'

const root = mkdtempSync(join(tmpdir(), 'xjp-samples-'))
afterAll(() => rmSync(root, { recursive: true }))
let folders = 0

const SECRET = 'sk-proj-Zk3vQ8bTnW1xR6yUeM4hLp9sDfGjKaC2'
const DAY = 86_400_000
const NOON = Date.parse('2026-11-21T12:00:00Z')

type Settings = Snapshot['observability']['samples']
const everything: Settings = { enabled: true, rate: 1, tenants: ['*'], retentionDays: 7 }

function sampler(options: Partial<SamplesOptions> = {}) {
  folders += 1
  const folder = join(root, String(folders), 'samples')
  const redactor = new Redactor()
  redactor.learn('Qm7Lw2Zx9Kt4Vb6Ns1Rf')
  const told: string[] = []
  const tell = (message: string): void => void told.push(message)
  const samples = new Samples({
    folder,
    redactor,
    log: { info: tell, warn: tell },
    retentionDays: () => 7,
    matches: (name, patterns) => patterns.some((pattern) => pattern === '*' || pattern === name),
    random: () => 0.5,
    now: () => NOON,
    ...options,
  })
  const read = async (): Promise<Record<string, unknown>[]> => {
    await samples.stop()
    if (!existsSync(folder)) return []
    return readdirSync(folder).flatMap((name) =>
      readFileSync(join(folder, name), 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    )
  }
  return { samples, folder, read, told }
}

function asking(blocks: Block[], settings: Partial<Settings> = {}, tenant = 'acme'): Call {
  const observability = { samples: { ...everything, ...settings } } as Snapshot['observability']
  return callWith({
    tenant,
    identity: { tenant },
    snapshot: { observability } as Snapshot,
    request: requestWith([{ role: 'user', content: blocks }]),
  })
}

function text(content: string): Block {
  return { type: 'text', text: content }
}

function answered(call: Call, samples: Samples, ...pieces: string[]): void {
  samples.begun(call)
  const events: AnswerEvent[] = [
    { type: 'block-start', index: 0, block: text('') },
    ...pieces.map(
      (piece): AnswerEvent => ({ type: 'block-delta', index: 0, delta: { type: 'text', text: piece } }),
    ),
  ]
  for (const event of events) for (const tap of call.taps) tap([event])
  samples.ended(call, 12)
}

describe('which calls are kept', () => {
  const cases: [string, Partial<Settings>, number, boolean][] = [
    ['those of a tenant that is named', { tenants: ['acme'] }, 0.5, true],
    ['not those of another', { tenants: ['other'] }, 0.5, false],
    ['none without tenants', { tenants: [] }, 0.5, false],
    ['none when it is off', { enabled: false }, 0, false],
    ['a draw below the share', { rate: 0.01 }, 0.009, true],
    ['a draw at the share', { rate: 0.01 }, 0.01, false],
    ['a share of nothing', { rate: 0 }, 0, false],
  ]
  for (const [name, settings, draw, kept] of cases)
    test(name, async () => {
      const { samples, read, folder } = sampler({ random: () => draw })
      const call = asking([text('hello')], settings)
      answered(call, samples, 'hi')
      expect(call.taps).toHaveLength(kept ? 1 : 0)
      expect(await read()).toHaveLength(kept ? 1 : 0)
      expect(existsSync(folder)).toBe(kept)
    })
})

describe('what is kept', () => {
  test('prompt, answer and what became of the call', async () => {
    const { samples, read } = sampler()
    const call = asking([
      text('What is this?'),
      {
        type: 'media',
        kind: 'image',
        source: { type: 'base64', mediaType: 'image/png', data: 'A'.repeat(5_000) },
      },
    ])
    Object.assign(call.record, {
      status: 200,
      target: 'p/m',
      finish: { reason: 'stop' },
      endedBy: 'complete',
    })
    answered(call, samples, 'A ', 'cat', '.')
    expect(await read()).toEqual([
      {
        time: '2026-11-21T12:00:00.000Z',
        request_id: 'call',
        tenant_id: 'acme',
        endpoint: 'chat.completions',
        model: 'm',
        target: 'p/m',
        stream: true,
        status: 200,
        ended_by: 'complete',
        finish_reason: 'stop',
        latency_ms: 12,
        messages: [
          {
            role: 'user',
            parts: [
              { type: 'text', text: 'What is this?' },
              { type: 'image', source: 'base64', characters: 5_000 },
            ],
          },
        ],
        answer: [{ type: 'text', text: 'A cat.' }],
      },
    ])
  })

  test('tool calls and their results', async () => {
    const { samples, read } = sampler()
    const call = asking([
      { type: 'tool-call', id: '1', name: 'weather', kind: 'function', arguments: '{"city":"Bonn"}' },
      { type: 'tool-result', callId: '1', content: [text('rain')] },
      { type: 'thinking', text: 'hm', opaque: [{ dialect: 'messages', kind: 'signature', value: 'opaque' }] },
    ])
    samples.begun(call)
    for (const tap of call.taps)
      tap([
        {
          type: 'block-start',
          index: 0,
          block: { type: 'tool-call', id: '2', name: 'umbrella', kind: 'function', arguments: '' },
        },
        { type: 'block-delta', index: 0, delta: { type: 'text', text: '{"open":true}' } },
      ])
    samples.ended(call, 1)
    const [sample] = await read()
    expect(sample).toMatchObject({
      messages: [
        {
          parts: [
            { type: 'tool-call', name: 'weather', arguments: '{"city":"Bonn"}' },
            { type: 'tool-result', parts: [{ type: 'text', text: 'rain' }] },
            { type: 'thinking', text: 'hm' },
          ],
        },
      ],
      answer: [{ type: 'tool-call', name: 'umbrella', arguments: '{"open":true}' }],
    })
    expect(JSON.stringify(sample)).not.toContain('opaque')
  })

  test('no secret: a known one, one that looks like one, and one that came in pieces', async () => {
    const { samples, read } = sampler()
    const call = asking([text(`use Qm7Lw2Zx9Kt4Vb6Ns1Rf and ${SECRET}`)])
    answered(call, samples, 'here: ', ...SECRET, ' and Qm7Lw2Zx', '9Kt4Vb6Ns1Rf.')
    const [sample] = await read()
    expect(JSON.stringify(sample)).not.toMatch(/Qm7Lw2Zx|Zk3vQ8bT/)
    expect(sample?.['answer']).toEqual([{ type: 'text', text: 'here: sk-pro… and [redacted].' }])
  })

  test('no secret where a text is cut', async () => {
    for (let place = 32_700; place < 32_800; place += 3) {
      const { samples, read } = sampler()
      const long = `${'x '.repeat(place / 2)}${SECRET}${' y'.repeat(9_000)}`
      answered(asking([text(long)]), samples, long)
      const [sample] = await read()
      expect(JSON.stringify(sample)).not.toContain(SECRET.slice(0, 12))
    }
  })

  test('no more than its bytes, whatever the call holds; the newest messages first', async () => {
    const piece = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 50 }).map((some) => some.repeat(2_000)),
      fc.constantFrom(
        '',
        '\u0000'.repeat(70_000),
        '"'.repeat(100_000),
        '\ud83d'.repeat(50_000),
        'é'.repeat(90_000),
      ),
    )
    const { samples, read, folder } = sampler()
    const all = fc.sample(fc.tuple(fc.array(piece, { maxLength: 5 }), piece), { numRuns: 40, seed: 9 })
    for (const [prompt, answer] of all) {
      const call = asking([])
      call.request = requestWith(prompt.map((content) => ({ role: 'user', content: [text(content)] })))
      answered(call, samples, answer)
    }
    const many = asking([])
    many.request = requestWith(
      Array.from({ length: 20_000 }, (_, index) => ({ role: 'user', content: [text(`m${index}`)] })),
    )
    answered(many, samples, 'x')
    answered(asking(Array.from({ length: 20_000 }, () => text(''))), samples, 'x')
    const kept = await read()
    expect(kept).toHaveLength(all.length + 2)
    const [name = ''] = readdirSync(folder)
    for (const line of readFileSync(join(folder, name), 'utf8').trim().split('\n'))
      expect(Buffer.byteLength(line)).toBeLessThanOrEqual(128 * 1024)
    const crowd = kept.at(-2) as { messages: { parts: { text: string }[] }[]; earlier_messages: number }
    expect(crowd.messages.at(-1)?.parts[0]?.text).toBe('m19999')
    expect(crowd.earlier_messages + crowd.messages.length).toBe(20_000)
  })

  test('an answer of many blocks takes no memory beyond its share', async () => {
    const { samples, read } = sampler()
    const call = asking([text('x')])
    samples.begun(call)
    for (let index = 0; index < 50_000; index += 1)
      for (const tap of call.taps) tap([{ type: 'block-start', index, block: text('y'.repeat(100)) }])
    samples.ended(call, 1)
    const [{ answer }] = (await read()) as [{ answer: unknown[] }]
    expect(answer.length).toBeLessThan(300)
  })
})

describe('where it is kept', () => {
  test('nobody else may read it, also when the file was there before', async () => {
    const { samples, read, folder } = sampler()
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, '2026-11-21.jsonl'), '')
    chmodSync(join(folder, '2026-11-21.jsonl'), 0o644)
    answered(asking([text('x')]), samples, 'y')
    await read()
    expect(statSync(join(folder, '2026-11-21.jsonl')).mode & 0o777).toBe(0o600)
    const fresh = sampler()
    answered(asking([text('x')]), fresh.samples, 'y')
    await fresh.read()
    expect(statSync(join(fresh.folder, '2026-11-21.jsonl')).mode & 0o777).toBe(0o600)
    expect(statSync(fresh.folder).mode & 0o777).toBe(0o700)
  })

  test('one file a day; days go when they are older than configured, and nothing else does', async () => {
    let now = NOON
    let days = 3
    const { samples, folder, told } = sampler({ now: () => now, retentionDays: () => days })
    for (let day = 0; day < 6; day += 1) {
      answered(asking([text(`day ${day}`)]), samples, 'y')
      await samples.stop()
      now += DAY
    }
    writeFileSync(join(folder, 'notes.txt'), '')
    writeFileSync(join(folder, '2026-11-20.jsonl.bak'), '')
    // It is noon of the 27th: what began on the 24th or before is three days old.
    await samples.clean()
    const others = ['2026-11-20.jsonl.bak', 'notes.txt']
    expect(readdirSync(folder).sort()).toEqual(['2026-11-25.jsonl', '2026-11-26.jsonl', ...others].sort())
    expect(told).toEqual(['old samples were removed'])
    days = 1
    await samples.clean()
    expect(readdirSync(folder).sort()).toEqual(others)
  })

  test('retention goes on while nothing new is kept, and without a folder is nothing', async () => {
    const { samples, folder, told } = sampler({ retentionDays: () => 1 })
    await samples.clean()
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, '2026-11-01.jsonl'), 'old\n')
    samples.start()
    for (let turns = 0; turns < 200 && readdirSync(folder).length > 0; turns += 1) await Bun.sleep(5)
    await samples.stop()
    expect(readdirSync(folder)).toEqual([])
    expect(told).toEqual(['old samples were removed'])
  })

  test('a folder that cannot be written costs samples, which are counted and told', async () => {
    const { samples, told } = sampler({ folder: '/dev/null/samples' })
    answered(asking([text('x')]), samples, 'y')
    await samples.stop()
    expect(samples.lost).toBe(1)
    await samples.clean()
    expect(told).toContain('samples could not be kept')
  })

  test('what waits to be written is bounded', async () => {
    const { samples } = sampler()
    const long = 'x'.repeat(40_000)
    for (let count = 0; count < 500; count += 1) answered(asking([text(long)]), samples, long)
    expect(samples.lost).toBeGreaterThan(300)
    await samples.stop()
  })
})
