import { heapStats } from 'bun:jsc'
import { expect, test } from 'bun:test'
import type { Block } from './block.ts'
import { Fold } from './fold.ts'

const FOLDS = 50
const PIECES = 1_000

const blocks: [string, Block, (block: Block) => string][] = [
  ['thinking', { type: 'thinking', text: '' }, (block) => ('text' in block ? block.text : '')],
  [
    'the arguments of a call',
    { type: 'tool-call', id: 'call', name: 'name', kind: 'function', arguments: '' },
    (block) => (block.type === 'tool-call' ? block.arguments : ''),
  ],
]

function strings(): number {
  Bun.gc(true)
  return heapStats().objectTypeCounts['string'] ?? 0
}

for (const [name, block, textOf] of blocks)
  test(`${name} of many pieces does not keep them apart in memory`, () => {
    const before = strings()
    const folds = Array.from({ length: FOLDS }, () => new Fold())
    for (const fold of folds) {
      fold.push([{ type: 'block-start', index: 0, block }])
      for (let piece = 0; piece < PIECES; piece += 1)
        fold.push([{ type: 'block-delta', index: 0, delta: { type: 'text', text: `piece ${piece} ` } }])
    }
    expect((strings() - before) / FOLDS).toBeLessThan(PIECES / 4)
    const whole = Array.from({ length: PIECES }, (_, piece) => `piece ${piece} `).join('')
    for (const fold of folds) expect(textOf(fold.answer.candidates[0]?.blocks[0] as Block)).toBe(whole)
  })
