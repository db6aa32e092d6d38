import { describe, expect, test } from 'bun:test'
import { withFigures } from './document.ts'
import { Samples } from './figures.ts'
import { jsonLines, markdownReport, type Run, summary, terminalReport } from './report.ts'
import { TARGETS, type Target } from './targets.ts'

const named = (name: string): Target => {
  const target = TARGETS.find((candidate) => candidate.name === name)
  if (!target) throw new Error(`no target ${name}`)
  return target
}

function samples(): Samples {
  const gathered = new Samples()
  for (const [pipe, same, translated] of [
    [20, 28, 50],
    [40, 58, 76],
    [22, 31, 46],
  ] as const) {
    gathered.add('request-cpu-100', named('bare pipe'), pipe)
    gathered.add('request-cpu-100', named('chat'), same)
    gathered.add('request-cpu-100', named('chat → messages'), translated)
  }
  gathered.add('latency-p50', named('chat'), 0.6)
  gathered.note(named('chat'), 'rig late')
  return gathered
}

const run: Run = {
  time: '2026-01-02T03:04:05.000Z',
  scale: 'normal',
  machine: {
    cpu: 'cpu',
    cores: 2,
    memoryGigabytes: 8,
    kernel: '6',
    runtime: 'Bun',
    commit: 'abc',
  },
  pinning: 'pinned',
  disturbances: [
    { stolen: 0, others: 0.01 },
    { stolen: 0, others: 0.2 },
  ],
  loadBefore: 0.1,
  loadAfter: 1,
  notes: ['nginx: not installed'],
}

describe('figures', () => {
  const figures = samples().figures()
  const of = (id: string, target: string) =>
    figures.find((figure) => figure.id === id && figure.target === target)

  test('ratios are medians of paired rounds, so a slow round does not count', () => {
    expect(of('request-cpu-100', 'chat')).toMatchObject({
      value: 31,
      timesPipe: 31 / 22,
      limit: 1.5,
      pass: true,
    })
    expect(of('request-cpu-100', 'chat → messages')).toMatchObject({
      timesPipe: 46 / 22,
      limit: 2,
      pass: false,
    })
  })

  test('the pipe itself is held against nothing', () => {
    expect(of('request-cpu-100', 'bare pipe')).not.toHaveProperty('pass')
  })

  test('a difference of latencies is held as it is', () => {
    expect(of('latency-p50', 'chat')).toMatchObject({ limit: 0.5, pass: false, notes: ['rig late'] })
    expect(of('latency-p50', 'chat')).not.toHaveProperty('timesPipe')
  })

  test('a disturbed round can be taken back', () => {
    const gathered = samples()
    gathered.keepRounds(2)
    expect(gathered.of('request-cpu-100', named('chat'))).toEqual([28, 58])
  })
})

describe('reports', () => {
  const figures = samples().figures()

  test('the summary names what does not hold', () => {
    expect(summary(figures)).toBe(
      '1 of 3 limits held; not held:\n' +
        '  chat → messages: CPU of a 1 KB request at the maximum\n' +
        '  chat: Added latency at half load, p50',
    )
  })

  test('the terminal has the facts, the tables and the verdicts', () => {
    const text = terminalReport(run, figures)
    expect(text).toContain('commit abc, normal run')
    expect(text).toContain('nginx: not installed')
    expect(text).toContain('1 of 2 rounds were disturbed')
    expect(text).toMatch(/chat → messages +50\.0 µs +46\.0 … 76\.0 +3 +2\.09 +≤ 2 × pipe +FAIL\n/)
    expect(text).toMatch(/chat +0\.60 ms +1 +≤ 0\.5 ms +FAIL, rig late\n/)
  })

  test('each figure is one line of JSON with its samples', () => {
    const lines = jsonLines(run, figures)
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(lines).toHaveLength(4)
    expect(lines[1]).toMatchObject({ id: 'request-cpu-100', target: 'chat', samples: [28, 58, 31] })
    expect(lines[3]).toMatchObject({ id: 'latency-p50', commit: 'abc', samples: [0.6] })
  })

  test('the document keeps all but the figures', () => {
    const document =
      'before\n<!-- figures: written by npm run bench -- --update -->\nold\n<!-- end of figures -->\nafter\n'
    const updated = withFigures(document, markdownReport(run, figures))
    expect(updated).toStartWith('before\n<!-- figures')
    expect(updated).toEndWith('<!-- end of figures -->\nafter\n')
    expect(updated).toContain('| chat | 31.0 µs | 28.0 … 58.0 | 3 | 1.41 |')
    expect(updated).not.toContain('old')
    expect(withFigures(updated, markdownReport(run, figures))).toBe(updated)
  })

  test('a document without the marks is refused', () => {
    expect(() => withFigures('nothing', 'x')).toThrow('docs/benchmarks.md must contain')
  })
})
