import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { referenceText, schemaText } from '../src/config/reference.ts'
import { metricsReference } from '../src/telemetry/metrics/reference.ts'

/** Files that are made from the code; a test fails when one of them is stale. */
export const generated: readonly { file: string; text: () => string }[] = [
  { file: 'schema/config.json', text: schemaText },
  { file: 'docs/reference/configuration.md', text: referenceText },
  { file: 'docs/reference/metrics.md', text: metricsReference },
]

export const root = resolve(import.meta.dir, '..')

if (import.meta.main) {
  for (const { file, text } of generated) {
    const path = join(root, file)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text())
    console.log(`wrote ${file}`)
  }
}
