import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { FairQueue } from './admission-queue.ts'

interface Call {
  tenant: string
  serial: number
}

const calls = (tenants: string): Call[] => [...tenants].map((tenant, serial) => ({ tenant, serial }))

function drained(queue: FairQueue<Call>): string {
  let order = ''
  for (let next = queue.shift(); next; next = queue.shift()) order += next.tenant
  return order
}

describe('turns', () => {
  test.each([
    ['one tenant: in the order of arrival', 'aaa', 'aaa'],
    ['many calls of one do not keep the others waiting', 'aaaabc', 'abcaaa'],
    ['each in turn', 'aabbcc', 'abcabc'],
    ['who comes later waits for one call of each', 'aaab', 'abaa'],
  ])('%s', (_, arrivals, order) => {
    const queue = new FairQueue<Call>()
    for (const call of calls(arrivals)) queue.push(call, 100)
    expect(drained(queue)).toBe(order)
  })

  test('a tenant that had its turn comes behind one that came meanwhile', () => {
    const queue = new FairQueue<Call>()
    const [a1, a2, b] = calls('aab')
    for (const call of [a1, a2]) if (call) queue.push(call, 100)
    expect(queue.shift()).toBe(a1)
    if (b) queue.push(b, 100)
    expect(drained(queue)).toBe('ab')
  })
})

describe('room', () => {
  test.each([
    ['the newcomer goes when it is the same tenant', 'aa', 'a', 'a', 2],
    ['the newcomer goes when nobody has more than it', 'ab', 'c', 'c', 2],
    ['the youngest of the longest line goes for a tenant without any', 'aaa', 'b', 'a', 2],
    ['one less is not fewer', 'aab', 'b', 'b', 3],
  ])('%s', (_, waiting, newcomer, refused, serial) => {
    const queue = new FairQueue<Call>()
    for (const call of calls(waiting)) queue.push(call, 100)
    const call = { tenant: newcomer, serial: waiting.length }
    const isTaken = queue.hasRoomFor(newcomer, waiting.length)
    const gone = queue.push(call, waiting.length)
    expect(gone).toEqual({ tenant: refused, serial: gone === call ? call.serial : serial })
    expect(isTaken).toBe(gone !== call)
    expect(queue.size).toBe(waiting.length)
  })

  test('no room at all', () => {
    const queue = new FairQueue<Call>()
    const [call] = calls('a')
    expect(call && queue.push(call, 0)).toBe(call)
    expect(queue.size).toBe(0)
  })
})

/** The same with lists alone. */
class Model {
  waiting: Call[] = []
  turns: string[] = []

  line(tenant: string): Call[] {
    return this.waiting.filter((call) => call.tenant === tenant)
  }

  push(call: Call, limit: number): Call | undefined {
    let gone: Call | undefined
    if (this.waiting.length >= limit) {
      const [longest] = this.turns
        .map((tenant) => this.line(tenant))
        .sort((one, other) => other.length - one.length)
      if (longest === undefined || longest.length <= this.line(call.tenant).length + 1) return call
      gone = longest.at(-1)
      if (gone) this.remove(gone)
    }
    this.waiting.push(call)
    if (!this.turns.includes(call.tenant)) this.turns.push(call.tenant)
    return gone
  }

  shift(): Call | undefined {
    const tenant = this.turns.shift()
    const next = tenant === undefined ? undefined : this.line(tenant)[0]
    if (tenant === undefined || next === undefined) return undefined
    this.waiting = this.waiting.filter((call) => call !== next)
    if (this.line(tenant).length > 0) this.turns.push(tenant)
    return next
  }

  remove(call: Call): void {
    this.waiting = this.waiting.filter((other) => other !== call)
    if (this.line(call.tenant).length === 0)
      this.turns = this.turns.filter((tenant) => tenant !== call.tenant)
  }
}

test('it equals its model', () => {
  const step = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ kind: fc.constant('push' as const), tenant: fc.constantFrom(...'abcde') }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('shift' as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('remove' as const), which: fc.nat(30) }) },
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 0, max: 8 }), (steps, limit) => {
      const queue = new FairQueue<Call>()
      const model = new Model()
      steps.forEach((each, serial) => {
        if (each.kind === 'push') {
          const call = { tenant: each.tenant, serial }
          expect(queue.push(call, limit)).toBe(model.push(call, limit))
        } else if (each.kind === 'shift') expect(queue.shift()).toBe(model.shift())
        else {
          const call = model.waiting[each.which] ?? { tenant: 'a', serial }
          queue.remove(call)
          model.remove(call)
        }
        expect(queue.size).toBe(model.waiting.length)
      })
    }),
    { numRuns: 2_000 },
  )
})
