import { describe, expect, test } from 'bun:test'
import type { GatewayError } from '../protocol/model/error.ts'
import { ActiveCalls } from './active-calls.ts'

/** Calls on a clock that only tests move. */
class Stage {
  now = 0
  readonly calls = new ActiveCalls(() => this.now)
  readonly told: string[] = []

  enter(name: string): object {
    const token = { name }
    this.calls.enter(
      token,
      (error: GatewayError) => void this.told.push(`${name}: ${error.status}`),
      () => void this.told.push(`${name} is kept open`),
    )
    return token
  }

  pass(seconds: number): void {
    for (let each = 0; each < seconds; each += 5) {
      this.now += 5_000
      this.calls.tick()
    }
  }
}

describe('a body that is being read', () => {
  test('is given up when it does not come within 30 seconds', () => {
    const stage = new Stage()
    stage.enter('slow')
    stage.pass(25)
    expect(stage.told).toEqual([])
    stage.pass(5)
    expect(stage.told).toEqual(['slow: 408'])
  })

  test('may take as long as it takes while it comes', () => {
    const stage = new Stage()
    const token = stage.enter('large')
    for (let round = 0; round < 10; round += 1) {
      stage.pass(25)
      stage.calls.readOn(token)
    }
    expect(stage.told).toEqual([])
    stage.pass(30)
    expect(stage.told).toEqual(['large: 408'])
  })

  test('does not count once it is there: then the connection is kept open, once', () => {
    const stage = new Stage()
    stage.calls.read(stage.enter('long'))
    stage.pass(100)
    expect(stage.told).toEqual(['long is kept open'])
    expect(stage.calls.count).toBe(1)
  })
})

describe('the end of all', () => {
  test('ends streams that have begun, and gives up what has nothing to show', () => {
    const stage = new Stage()
    stage.enter('waiting')
    const stream = stage.enter('stream')
    const finished: string[] = []
    stage.calls.onOpen(stream, { finish: (last) => void finished.push(last) }, () => 'last words')
    stage.calls.endAll()
    expect([stage.told, finished]).toEqual([['waiting: 503'], ['last words']])
  })

  test('is there when the last call has left', async () => {
    const stage = new Stage()
    expect(await stage.calls.drained(0)).toBe(true)
    const tokens = [stage.enter('a'), stage.enter('b')]
    const drained = stage.calls.drained(60_000)
    for (const token of tokens) stage.calls.leave(token)
    expect(await drained).toBe(true)
    stage.enter('c')
    expect(await stage.calls.drained(1)).toBe(false)
  })
})
