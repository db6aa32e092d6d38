import { describe, expect, test } from 'bun:test'
import { configSchema } from './schema.ts'
import { schemaNode } from './schema-node.ts'
import { looksSecret, Redactor } from './secrets.ts'

describe('what looks like a secret', () => {
  const table: readonly [string, boolean][] = [
    ['sk-abc', true],
    ['pk-lf-1234', true],
    ['XJP_q8s7d6', true],
    ['Bearer abc', true],
    ['AIzaSyExample', true],
    ['https://user:pass@host.example', true],
    ['Kd93jfQmZ71xVbTr55Lw', true],
    ['openai', false],
    ['claude-sonnet-4.5', false],
    ['publishers/google/models/gemini-1.5-pro-002', false],
    ['https://api.example/v1', false],
    ['ENV:OPENAI_API_KEY', false],
    ['0.0.0.0:8080', false],
  ]
  for (const [text, wanted] of table) test(text, () => expect(looksSecret(text)).toBe(wanted))
})

describe('redaction', () => {
  const schema = schemaNode(configSchema)
  const tree = {
    providers: {
      openai: { api_key: 'ordinaryword', headers: { 'x-a': 'headervalue' } },
      mine: { api_kee: 'kept', my_token: 'tokenvalue' },
    },
    server: { host: 'ordinaryword', port: 1 },
  }
  const redactor = new Redactor(tree, schema)

  test('a secret is hidden wherever it turns up', () => {
    expect(redactor.text('host ordinaryword, headervalue, tokenvalue')).toBe('host ***, ***, ***')
    expect(redactor.value('ordinaryword', ['server', 'host'], schema)).toBe('"***"')
    expect(redactor.path(['providers', 'sk-live-1', 'tokenvalue'])).toBe('providers."***".***')
  })

  const shown: readonly [string, Parameters<Redactor['value']>, string | undefined][] = [
    ['a number', [5, ['server', 'port'], schema], '5'],
    ['nothing', [undefined, ['server', 'port'], schema], 'nothing'],
    ['a list', [[1], ['server', 'port'], schema], 'a list'],
    ['a section', [{ a: 1 }, ['server', 'port'], schema], 'a section'],
    ['a date', [new Date(0), ['server', 'port'], schema], 'a date'],
    ['an empty secret', ['', ['providers', 'openai', 'api_key'], schema], 'an empty text'],
    ['a secret', ['abc', ['providers', 'openai', 'api_key'], schema], undefined],
    ['a secret that is a number', [5, ['providers', 'openai', 'api_key'], schema], undefined],
    ['a reference', ['ENV:A', ['providers', 'openai', 'api_key'], schema], '"ENV:A"'],
    ['a long text', ['y'.repeat(100), ['server', 'host'], schema], `"${'y'.repeat(60)}…"`],
  ]
  for (const [name, input, wanted] of shown)
    test(`${name} is shown as ${wanted}`, () => expect(redactor.value(...input)).toBe(wanted as string))
})
