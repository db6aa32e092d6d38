import { describe, expect, test } from 'bun:test'
import { toolOf, wireCallId, wireToolName } from './names.ts'

describe('names and ids', () => {
  test('legal names and ids stay', () => {
    expect(wireToolName('get_weather-2')).toBe('get_weather-2')
    expect(wireCallId('toolu_1', undefined)).toBe('toolu_1')
    expect(wireCallId('abc', { pattern: /^[a-z]+$/, maxLength: 3 })).toBe('abc')
  })

  test('others become legal, differ from one another and find back', () => {
    const long = 'n'.repeat(80)
    const names = ['a.b', 'a:b', 'a b', long, `${long}x`]
    const changed = names.map(wireToolName)
    expect(new Set(changed).size).toBe(names.length)
    for (const name of changed) expect(name).toMatch(/^[a-zA-Z0-9_-]{1,64}$/)
    const tools = names.map((name) => ({ type: 'function', name }) as const)
    expect(changed.map((name) => toolOf(name, tools)?.name)).toEqual(names)
  })

  test.each([
    [{ pattern: /^[a-zA-Z0-9]{9}$/, length: 9, maxLength: 9 }],
    [{ pattern: /^[a-zA-Z0-9_-]+$/, maxLength: 40 }],
    [{ pattern: /^[a-zA-Z0-9]+$/, maxLength: 12 }],
  ])('ids for %p', (rule) => {
    const id = wireCallId('fc:299e8414-9e94-4d9c-bd06-c096f8919768/1', rule)
    expect(id).toMatch(rule.pattern)
    expect(id.length).toBeLessThanOrEqual(rule.maxLength)
  })
})
