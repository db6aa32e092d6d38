import { expect, test } from 'bun:test'
import { mkdirSync } from 'node:fs'
import { openPlaces } from './serve-accounts.ts'

test('a data directory that cannot be written is one sentence, not a fault of the program', async () => {
  const lines: string[] = []
  const io = { stderr: (text: string) => void lines.push(text) }
  const open = async (): Promise<never> => {
    mkdirSync('/dev/null/journal')
    throw new Error('a device is no folder')
  }
  expect(await openPlaces(open, '/dev/null', io)).toBeUndefined()
  expect(lines.join('')).toMatch(
    /^xjp-gateway: cannot write to the data directory \/dev\/null: ENOTDIR.*\n.*--data-dir/,
  )
})

test('a fault of the program stays one', async () => {
  const open = async (): Promise<never> => {
    throw new TypeError('wrong')
  }
  await expect(openPlaces(open, '/data', { stderr: () => {} })).rejects.toThrow('wrong')
})
