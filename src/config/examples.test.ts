import { describe, expect, test } from 'bun:test'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { providers } from '../providers/list.ts'
import { snapshotOf } from './testing/load-text.ts'

const root = join(import.meta.dir, '../../examples')
const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.(toml|yaml|json)$/.test(name))
  .sort()

describe('every example is right with the real providers', () => {
  const environment = { OPENROUTER_API_KEY: 'k', OPENAI_API_KEY: 'k', INHOUSE_KEY: 'k' }

  for (const file of files)
    test(file, () => {
      const snapshot = snapshotOf(file, readFileSync(join(root, file), 'utf8'), { environment, providers })
      const { passthrough, defaultProvider } = snapshot.modelList
      expect(snapshot.models.size + passthrough.length + (defaultProvider ? 1 : 0)).toBeGreaterThan(0)
    })

  test('there are some', () => expect(files.length).toBeGreaterThanOrEqual(7))
})
