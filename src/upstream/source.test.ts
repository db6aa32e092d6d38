import { describe, expect, test } from 'bun:test'
import { type ByteSource, readAll } from './source.ts'

class Pieces implements ByteSource {
  reads = 0
  cancelled = 0
  readonly #texts: string[]

  constructor(...texts: string[]) {
    this.#texts = texts
  }

  read(): Promise<Uint8Array | undefined> {
    this.reads += 1
    const text = this.#texts.shift()
    return Promise.resolve(text === undefined ? undefined : Buffer.from(text))
  }

  cancel(): void {
    this.cancelled += 1
  }
}

describe('readAll', () => {
  const cases: [string[], string][] = [
    [[], ''],
    [['abc'], 'abc'],
    [['a', 'b', 'c'], 'abc'],
  ]
  for (const [pieces, expected] of cases)
    test(`${pieces.length} pieces`, async () => {
      expect(Buffer.from(await readAll(new Pieces(...pieces), 3)).toString()).toBe(expected)
    })

  test('never more than its limit: then the source is closed', async () => {
    const source = new Pieces('ab', 'cd', 'ef')
    await expect(readAll(source, 3)).rejects.toThrow('more than 3 bytes')
    expect([source.reads, source.cancelled]).toEqual([2, 1])
  })
})
