import { expect } from 'bun:test'
import type { GatewayProcess } from '../../../rig/gateway.ts'

/** G11: it ends in order when it is told to, and no error has escaped from it in all of its run. */
export async function cleanEnd(gateway: GatewayProcess): Promise<void> {
  expect(await gateway.stop()).toBe(0)
  const { stdout, stderr } = gateway.output()
  expect(stdout.split('\n').filter((line) => line.includes('"level":"error"'))).toEqual([])
  // What the runtime itself says of a rejection or exception that nobody took.
  expect(stderr.split('\n').filter((line) => /error|rejection|exception|panic/i.test(line))).toEqual([])
}
