import { readFileSync } from 'node:fs'
import { callOf, provider, run } from './process-calls.ts'

/** A small gateway of its own, for tests that trace or kill one. */
const [what, file = ''] = process.argv.slice(2)

if (what === 'prompts') {
  const prompts = JSON.parse(readFileSync(file, 'utf8')) as string[]
  let answered = 0
  for (const prompt of prompts) if ((await run(['cat', '-'], { prompt })).text === prompt) answered += 1
  process.stdout.write(`${answered} answered\n`)
}

if (what === 'hang') {
  const script = `echo $$ >> ${file}; sleep 71 & echo $! >> ${file}; (setsid sh -c 'echo $$ >> ${file}; exec sleep 72' &); echo ready; wait`
  for await (const batch of provider.open(callOf(['/bin/sh', '-c', script])))
    if (batch.some(({ type }) => type === 'block-delta')) process.stdout.write('ready\n')
}
