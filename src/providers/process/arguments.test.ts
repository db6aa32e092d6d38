import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { GatewayError } from '../../protocol/model/error.ts'
import { fillArguments, parseArgument, type TemplateValues, takes } from './arguments.ts'

const none: TemplateValues = { model: 'llama-3.gguf', max_tokens: undefined, temperature: undefined }
const all: TemplateValues = { model: 'org/llama:8b', max_tokens: '64', temperature: '0' }

function filled(template: string[], values: TemplateValues): string[] {
  return fillArguments(template.map(parseArgument), values)
}

describe('templates', () => {
  const rows: [string[], TemplateValues, string[]][] = [
    [['-m', '/models/{model}'], none, ['-m', '/models/llama-3.gguf']],
    [['-n', '{max_tokens}', '-i'], none, ['-i']],
    [['-n', '{max_tokens}', '-i'], all, ['-n', '64', '-i']],
    [['--temp={temperature}', 'x'], none, ['x']],
    [['--temp={temperature}', 'x'], all, ['--temp=0', 'x']],
    [['plain', '{max_tokens}'], none, ['plain']],
    [['{"name":"{model}"}', '{'], none, ['{"name":"llama-3.gguf"}', '{']],
    [[''], none, ['']],
    [['a b', '$(x)', '; rm'], none, ['a b', '$(x)', '; rm']],
    [['{model}-{max_tokens}'], all, ['org/llama:8b-64']],
  ]
  test.each(rows)('%j with %j → %j', (template, values, expected) => {
    expect(filled(template, values)).toEqual(expected)
  })

  test.each(['{prompt}', 'a{max_token}'])('%j is no template', (text) => {
    expect(() => parseArgument(text)).toThrow('command: ')
  })

  test('which values are taken', () => {
    const template = ['--n={max_tokens}'].map(parseArgument)
    expect([takes(template, 'max_tokens'), takes(template, 'temperature')]).toEqual([true, false])
  })
})

/** Promise L2. */
describe('values never become options or leave their folder', () => {
  test.each([
    '-x',
    '--help',
    '-',
    'a b',
    'a;b',
    '$(id)',
    '`id`',
    'a|b',
    '../x',
    'x/../y',
    '/etc/passwd',
    'a\nb',
    'a\0b',
    '',
    'é',
    'x'.repeat(300),
  ])('model %j is refused', (model) => {
    expect(() => filled(['{model}'], { ...none, model })).toThrow(/^model: /)
  })

  test('behind literal text a hyphen is harmless', () => {
    expect(filled(['--model={model}'], { ...none, model: '-x' })).toEqual(['--model=-x'])
  })

  const runs = 5_000
  test(`${runs} models: one argument, or refused`, () => {
    let accepted = 0
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[a-z0-9._:@+/-]{1,20}$/)), (model) => {
        try {
          const [first, ...rest] = filled(['{model}', 'end'], { ...none, model })
          accepted += 1
          expect(rest).toEqual(['end'])
          expect(first).toBe(model)
          expect(model).not.toMatch(/^[-/]|[^A-Za-z0-9._:@+/-]/)
        } catch (thrown) {
          if (!(thrown instanceof GatewayError)) throw thrown
        }
      }),
      { numRuns: runs, seed: 20_263 },
    )
    expect(accepted).toBeGreaterThan(runs / 10)
  })
})
