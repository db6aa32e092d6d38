import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import type { Block } from '../protocol/model/block.ts'
import { MemoryVault } from './vault.ts'

function thinking(text: string): Block[] {
  return [{ type: 'thinking', text }]
}

describe('the vault', () => {
  test('gives each tenant its own', () => {
    const vault = new MemoryVault(() => 0)
    vault.put('a', 'key', thinking('of a'))
    vault.put('b', 'key', thinking('of b'))
    expect(vault.get('a', 'key')).toEqual(thinking('of a'))
    expect(vault.get('b', 'key')).toEqual(thinking('of b'))
    expect(vault.get('c', 'key')).toBeUndefined()
    expect(vault.get('a', 'other')).toBeUndefined()
  })

  test('tenants and keys of any spelling do not meet', () => {
    const vault = new MemoryVault(() => 0)
    const names = ['__proto__', 'constructor', 'a:b', 'a', 'b', ':', '']
    for (const tenant of names) for (const key of names) vault.put(tenant, key, thinking(`${tenant}|${key}`))
    for (const tenant of names)
      for (const key of names) expect(vault.get(tenant, key)).toEqual(thinking(`${tenant}|${key}`))
  })

  test('keeps the last of one key', () => {
    const vault = new MemoryVault(() => 0)
    vault.put('a', 'key', thinking('1'))
    vault.put('a', 'key', thinking('2'))
    expect(vault.get('a', 'key')).toEqual(thinking('2'))
  })

  test('forgets after its time, and gives the room back', () => {
    let now = 0
    const vault = new MemoryVault(() => now, { maxAgeMilliseconds: 1_000 })
    vault.put('a', 'key', thinking('1'))
    now = 1_000
    expect(vault.get('a', 'key')).toBeDefined()
    now = 1_001
    expect(vault.get('a', 'key')).toBeUndefined()
    expect(vault.bytes).toBe(0)
  })

  test('the oldest of a tenant go first', () => {
    const vault = new MemoryVault(() => 0, { bytesPerTenant: 3_000 })
    for (let number = 0; number < 20; number += 1) vault.put('a', `key-${number}`, thinking('x'.repeat(200)))
    const left = Array.from({ length: 20 }, (_, number) => vault.get('a', `key-${number}`) !== undefined)
    expect(left.lastIndexOf(false)).toBe(left.indexOf(true) - 1)
    expect(left.at(-1)).toBe(true)
  })

  test('what is larger than all the room is not kept and pushes nothing out', () => {
    const vault = new MemoryVault(() => 0, { bytesPerTenant: 3_000 })
    vault.put('a', 'small', thinking('x'))
    vault.put('a', 'large', thinking('x'.repeat(10_000)))
    expect(vault.get('a', 'small')).toBeDefined()
    expect(vault.get('a', 'large')).toBeUndefined()
  })

  test('one tenant cannot push out another within its own room', () => {
    const vault = new MemoryVault(() => 0, { bytesPerTenant: 3_000 })
    vault.put('quiet', 'key', thinking('mine'))
    for (let number = 0; number < 500; number += 1)
      vault.put('loud', `key-${number}`, thinking('x'.repeat(200)))
    expect(vault.get('quiet', 'key')).toBeDefined()
  })

  test('of too many tenants the one that was silent longest goes', () => {
    const vault = new MemoryVault(() => 0, { tenants: 3 })
    for (const tenant of ['a', 'b', 'c', 'a', 'd']) vault.put(tenant, 'key', thinking(tenant))
    expect(['a', 'b', 'c', 'd'].filter((tenant) => vault.get(tenant, 'key'))).toEqual(['a', 'c', 'd'])
  })

  test('is bounded per tenant and in all, whatever comes', () => {
    const limits = { bytesPerTenant: 4_000, bytes: 9_000, tenants: 4 }
    let n = 0
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(6), fc.nat(12), fc.nat(3_000)), { maxLength: 80 }), (puts) => {
        const vault = new MemoryVault(() => 0, limits)
        for (const [tenant, key, size] of puts) {
          n += 1
          vault.put(`t${tenant}`, `k${key}`, thinking('x'.repeat(size)))
          expect(vault.bytes).toBeLessThanOrEqual(limits.bytes)
          expect(vault.bytes).toBeGreaterThanOrEqual(0)
          const own = Array.from({ length: 13 }, (_, at) => vault.get(`t${tenant}`, `k${at}`) ?? [])
          expect(2 * JSON.stringify(own.flat()).length).toBeLessThanOrEqual(limits.bytesPerTenant)
        }
      }),
      { numRuns: 300, seed: 9 },
    )
    console.info(`vault: n=${n} puts within bounds`)
  })
})
