import { describe, expect, test } from 'bun:test'
import { type ByteSource, readAll, readNow } from './source.ts'

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

describe('readNow', () => {
  class Come extends Pieces {
    rest(): Uint8Array | undefined {
      return Buffer.from('abc')
    }
  }

  test('a body that has come whole', () => {
    const source = new Come()
    expect(Buffer.from(readNow(source, 3) ?? []).toString()).toBe('abc')
    expect([source.reads, source.cancelled]).toEqual([0, 0])
  })

  test('one that has to be waited for', () => {
    expect(readNow(new Pieces('abc'), 3)).toBeUndefined()
  })

  test('one that is too long', () => {
    const source = new Come()
    expect(() => readNow(source, 2)).toThrow('more than 2 bytes')
    expect(source.cancelled).toBe(1)
  })
})
