import { readdirSync, readFileSync, statSync } from 'node:fs'
import { catalogue } from './catalogue.ts'
import type { Reading, Registry } from './registry.ts'

const DESCRIPTORS = '/proc/self/fd'
const LIMITS = '/proc/self/limits'

/** What the system says of this process; what it does not say there is no sample of. */
export function watchProcess(registry: Registry): void {
  const startedAt = Date.now() / 1000 - process.uptime()
  const most = mostFiles()
  registry.watch(catalogue.cpu, () => one(cpuSeconds()))
  registry.watch(catalogue.memory, () => one(process.memoryUsage.rss()))
  registry.watch(catalogue.openFiles, () => one(openFiles()))
  registry.watch(catalogue.mostFiles, () => one(most))
  registry.watch(catalogue.started, () => one(startedAt))
}

function one(value: number | undefined): Reading<readonly []>[] {
  return value === undefined ? [] : [[[], value]]
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

/** Newer kernels tell the number without listing them, which with thousands of streams would take milliseconds. */
function openFiles(): number | undefined {
  try {
    const { size } = statSync(DESCRIPTORS)
    return size > 0 ? size : readdirSync(DESCRIPTORS).length
  } catch {
    return undefined
  }
}

function mostFiles(): number | undefined {
  try {
    const found = /^Max open files\s+(\d+)/m.exec(readFileSync(LIMITS, 'utf8'))?.[1]
    return found === undefined ? undefined : Number(found)
  } catch {
    return undefined
  }
}
