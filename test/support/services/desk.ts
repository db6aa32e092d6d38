import { createServer } from 'node:net'
import type { Asked } from './ask-desk.ts'
import { emptyCluster, ownPostgres } from './postgres.ts'
import { ownRedis } from './redis.ts'

/**
 * `bun desk.ts SOCKET`: a process of its own that starts the servers which all test processes of one run share, each
 * when the first one asks for it (ask-desk.ts). It ends with its input, and the servers end with it.
 *
 * One line asks, one line of JSON answers: `{"value": "postgres://…"}`, or `{"error": "…"}` with words for people.
 */
const makers: Readonly<Record<Asked, () => Promise<string>>> = {
  postgres: async () => (await ownPostgres()).url,
  redis: async () => (await ownRedis()).url,
  cluster: emptyCluster,
}

const made = new Map<Asked, Promise<string>>()

function isAsked(word: string): word is Asked {
  return Object.hasOwn(makers, word)
}

async function answer(word: string): Promise<{ value: string } | { error: string }> {
  if (!isAsked(word)) return { error: `the desk has no "${word}"` }
  let making = made.get(word)
  if (making === undefined) made.set(word, (making = makers[word]()))
  return making.then(
    (value) => ({ value }),
    (thrown: unknown) => ({ error: thrown instanceof Error ? thrown.message : String(thrown) }),
  )
}

const [address] = process.argv.slice(2)
if (address === undefined) throw new Error('expected the path of a socket')
createServer((socket) => {
  socket.on('error', () => socket.destroy())
  socket.once('data', async (word) => {
    socket.end(`${JSON.stringify(await answer(word.toString().trim()))}\n`)
  })
}).listen(address, () => process.stdout.write('open\n'))
process.stdin.resume().on('end', () => process.exit(0))
