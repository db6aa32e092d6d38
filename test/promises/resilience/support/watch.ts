import type { CircuitStatus } from '../../../../src/resilience/resilience.ts'

interface Status {
  circuits: Pick<CircuitStatus, 'model' | 'target' | 'state'>[]
  cooldowns: { provider: string; model?: string; until: string; reason: string }[]
}

/** What a gateway says of itself. */
export async function statusOf(url: string): Promise<Status> {
  const response = await fetch(`${url}/status`)
  if (response.status !== 200)
    throw new Error(`/status answered ${response.status}: ${await response.text()}`)
  return (await response.json()) as Status
}

/** Calls `act` so many times a second until it is stopped; at the end all calls are over. */
export function startPace(
  perSecond: number,
  act: (count: number) => Promise<void>,
): { stop(): Promise<number> } {
  const open = new Set<Promise<void>>()
  const begun = performance.now()
  let count = 0
  const timer = setInterval(() => {
    const due = Math.floor(((performance.now() - begun) / 1_000) * perSecond)
    while (count < due) {
      const one = act(count).finally(() => open.delete(one))
      open.add(one)
      count += 1
    }
  }, 2)
  return {
    async stop() {
      clearInterval(timer)
      await Promise.all(open)
      return count
    },
  }
}

/** Runs `act` for 0 … count - 1, so many at once. */
export async function inParallel(
  count: number,
  atOnce: number,
  act: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < count) {
      next += 1
      await act(next - 1)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
}
