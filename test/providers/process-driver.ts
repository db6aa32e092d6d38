import { callOf, provider } from './process-calls.ts'

/** A small gateway of its own, for tests that kill one. */
const [what, file = ''] = process.argv.slice(2)

if (what === 'hang') {
  const script = `echo $$ >> ${file}; sleep 71 & echo $! >> ${file}; (setsid sh -c 'echo $$ >> ${file}; exec sleep 72' &); echo ready; wait`
  for await (const batch of provider.open(callOf(['/bin/sh', '-c', script])))
    if (batch.some(({ type }) => type === 'block-delta')) process.stdout.write('ready\n')
}
