import { expect, test } from 'bun:test'
import type { GatewayError } from '../protocol/model/error.ts'
import { type AuthMode, createIdentifier } from './identifier.ts'

test('without a place for keys everybody is let in only as long as none is asked for', () => {
  let mode: AuthMode = 'open'
  const identifier = createIdentifier({ mode: () => mode, now: Date.now, pollMs: 1_000 })
  const call = (): unknown =>
    identifier.identify(new Request('http://localhost/v1/models'), { clientAddress: () => '' })
  expect(call()).toEqual({ tenant: 'open' })
  for (const asking of ['keys', 'first-key'] as const) {
    mode = asking
    let refused: GatewayError | undefined
    try {
      call()
    } catch (thrown) {
      refused = thrown as GatewayError
    }
    expect(refused).toMatchObject({ kind: 'unavailable', details: { code: 'restart_needed' } })
    expect(identifier.state().ready).toBe(false)
  }
})
