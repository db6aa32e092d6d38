import { readFileSync } from 'node:fs'
import { run } from '../../providers/process-calls.ts'
import { swarm } from '../../rig/swarm.ts'
import type { Fuzzed } from './fuzzed-prompts.ts'

/**
 * A process that makes calls of local commands and nothing else, so that whatever is executed below it is theirs.
 * Prints how many prompts came back as they went, how many models did, and how many were refused.
 */
const [input = '', folder = ''] = process.argv.slice(2)
const { prompts, models } = JSON.parse(readFileSync(input, 'utf8')) as Fuzzed
const counts = { prompts: 0, models: 0, refused: 0 }

await swarm(prompts.length, 4, async (index) => {
  const prompt = prompts[index] ?? ''
  const { text } = await run(['cat', '-'], { prompt, options: { cwd: folder } })
  if (text === prompt) counts.prompts += 1
})
await swarm(models.length, 4, async (index) => {
  const model = models[index] ?? ''
  try {
    const { text } = await run(['echo', 'model', '{model}'], { model, options: { cwd: folder } })
    if (text === `model ${model}\n`) counts.models += 1
  } catch {
    counts.refused += 1
  }
})
process.stdout.write(JSON.stringify(counts))
