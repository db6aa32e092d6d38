import { describe, expect, test } from 'bun:test'
import { bridgedTool, unwrapInput } from './bridged-tool.ts'

const grammar = { syntax: 'lark', definition: 'start: "x"' }
const told = 'The input must match this lark grammar:\nstart: "x"'

describe('a free-text tool as a function', () => {
  const rows: [string, Parameters<typeof bridgedTool>[0], string | undefined][] = [
    ['says nothing of its own', { type: 'custom', name: 'patch' }, undefined],
    ['keeps its description', { type: 'custom', name: 'patch', description: 'Edits.' }, 'Edits.'],
    ['is told its grammar', { type: 'custom', name: 'patch', grammar }, told],
    [
      'is told its grammar after its description',
      { type: 'custom', name: 'patch', description: 'Edits.', grammar },
      `Edits.\n\n${told}`,
    ],
  ]
  for (const [what, tool, description] of rows)
    test(what, () => {
      const bridged = bridgedTool(tool)
      expect(bridged.description).toBe(description as string)
      expect('description' in bridged).toBe(description !== undefined)
      expect(bridged.parameters).toMatchObject({
        properties: { input: { type: 'string' } },
        required: ['input'],
      })
    })
})

describe('its input', () => {
  const rows: [string, string][] = [
    ['{"input":"*** Begin\\n"}', '*** Begin\n'],
    ['{"input":1}', '{"input":1}'],
    ['*** Begin', '*** Begin'],
    ['', ''],
  ]
  for (const [text, input] of rows) test(JSON.stringify(text), () => expect(unwrapInput(text)).toBe(input))
})
