import { readFileSync, writeFileSync } from 'node:fs'

function kilobytes(pid: number, field: 'VmRSS' | 'VmHWM'): number {
  const found = new RegExp(`${field}:\\s+(\\d+) kB`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  if (found === undefined) throw new Error(`/proc/${pid}/status does not say ${field}.`)
  return Number(found)
}

/**
 * By how much a process' resident memory rose at its highest over what it was before `work`, in megabytes. Linux keeps
 * the high mark and lets it be reset, so that no peak between two samples is missed.
 */
export async function peakGrowth(pid: number, work: () => Promise<void>): Promise<number> {
  writeFileSync(`/proc/${pid}/clear_refs`, '5')
  const before = kilobytes(pid, 'VmRSS')
  await work()
  return Math.max(0, kilobytes(pid, 'VmHWM') - before) / 1024
}
