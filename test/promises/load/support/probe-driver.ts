import { heapStats } from 'bun:jsc'

/**
 * Loaded into the gateway's own process (`--preload`): says how long its loop was held, what it holds in memory, and
 * whether an error escaped. Answers on a socket of its own, whose path it is given.
 */
const EVERY_MS = 1

let longest = 0
let last = performance.now()
let usedBefore = used()

/** Processor time of this process in milliseconds, all threads. */
function used(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

setInterval(() => {
  const now = performance.now()
  const usedNow = used()
  // Held is what was not given to us by others: time without work was the machine's, work beside it was other threads'.
  longest = Math.max(longest, Math.min(now - last - EVERY_MS, usedNow - usedBefore))
  last = now
  usedBefore = usedNow
}, EVERY_MS).unref()

function collected(): { heapBytes: number; objects: number; residentBytes: number } {
  for (let round = 0; round < 3; round += 1) Bun.gc(true)
  const { heapSize, objectCount } = heapStats()
  return { heapBytes: heapSize, objects: objectCount, residentBytes: process.memoryUsage.rss() }
}

const answers: Readonly<Record<string, () => unknown>> = {
  '/loop': () => {
    const held = longest
    longest = 0
    return { longestMs: held }
  },
  '/memory': () => collected(),
  '/objects': () => {
    collected()
    return heapStats().objectTypeCounts
  },
  '/used': () => ({ usedMs: used(), residentBytes: process.memoryUsage.rss() }),
}

const path = process.env['XJP_PROBE']
if (path !== undefined)
  Bun.serve({
    unix: path,
    fetch: (request) => Response.json(answers[new URL(request.url).pathname]?.() ?? null),
  }).unref()
