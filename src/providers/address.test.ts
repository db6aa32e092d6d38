import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { httpProvider, settingsFor } from '../../test/providers/settings.ts'
import { GatewayError } from '../protocol/model/error.ts'
import { encodedSegment, join, plainSegment, withDefaultPath, withoutSuffix } from './address.ts'
import type { Operation, ProviderSettings } from './provider.ts'

describe('join', () => {
  test.each([
    ['http://h/api/', '/x', 'http://h/api/x'],
    ['http://h', '/x?y=1', 'http://h/x?y=1'],
    ['https://h:8/a/b', '/c', 'https://h:8/a/b/c'],
  ])('%s + %s', (base, path, url) => {
    expect(join(base, path)).toBe(url)
  })

  test.each(['/../x', '/a/../../x', '/%2e%2e/x', '/x#y', '\\..\\x'])('%s does not leave the base', (path) => {
    expect(() => join('http://h/api', path)).toThrow(GatewayError)
  })

  test.each(['ftp://h', 'h/x', 'http://u:p@h', 'http://h?x=1', 'http://h#x', ''])('%j is no base', (base) => {
    expect(() => join(base, '/x')).toThrow('base_url: expected')
  })
})

test('suffixes and default paths', () => {
  expect(withoutSuffix('http://h/code/v1/', ['/code/v1', '/v1'])).toBe('http://h')
  expect(withoutSuffix('http://h/x', ['/v1'])).toBe('http://h/x')
  expect(withDefaultPath('http://h:1/', '/v1')).toBe('http://h:1/v1')
  expect(withDefaultPath('http://h/x', '/v1')).toBe('http://h/x')
})

test('segments', () => {
  expect(encodedSegment('a/b?c#d', 'model')).toBe('a%2Fb%3Fc%23d')
  for (const wrong of ['', '.', '..', 'a/../b', 'a\\..', 'a\nb', '\ud800'])
    expect(() => encodedSegment(wrong, 'model')).toThrow('model: expected')
  for (const wrong of ['a/b', 'a..b', '-a', 'a b', 'é', 'a@b'])
    expect(() => plainSegment(wrong, 'model')).toThrow('model: expected')
})

/** Promise J11: nothing in a model, project or region moves a call to another host or resource. */
describe('J11', () => {
  const nasty = fc.oneof(
    fc.string({ maxLength: 20 }),
    fc.string({ unit: 'grapheme', maxLength: 12 }),
    fc
      .array(
        fc.constantFrom(
          '..',
          '.',
          '/',
          '\\',
          '?',
          '&',
          '#',
          '@',
          ':',
          '%2e',
          '%2F',
          '//',
          'a',
          'gemini',
          'publishers',
          'models',
          'projects',
          'evil.example',
          'ｅ',
          '\t',
          '\n',
          ' ',
          '-',
        ),
        { maxLength: 8 },
      )
      .map((parts) => parts.join('')),
  )
  const operations: readonly Operation[] = ['generate', 'stream', 'count-tokens']
  const cases: readonly { name: string; base: string; path: RegExp; settings: Partial<ProviderSettings> }[] =
    [
      {
        name: 'gemini',
        base: 'http://127.0.0.1:9/pre',
        path: /^\/pre\/v1beta\/(models|tunedModels)\/[^/]+$/,
        settings: {},
      },
      {
        name: 'azure',
        base: 'http://127.0.0.1:9/pre',
        path: /^\/pre\/openai\/deployments\/[^/]+\/chat\/completions$/,
        settings: {},
      },
      {
        name: 'custom_http',
        base: 'http://127.0.0.1:9/pre',
        path: /^\/pre\/m\/[^/]+\/end$/,
        settings: { options: { path: '/m/{model}/end' } },
      },
      {
        name: 'openrouter',
        base: 'http://127.0.0.1:9/pre',
        path: /^\/pre\/chat\/completions$/,
        settings: {},
      },
      {
        name: 'vertex',
        base: 'http://127.0.0.1:9/pre',
        path: /^\/pre\/v1(beta1)?\/projects\/[^/]+\/locations\/[^/]+\/(publishers\/[^/]+\/models\/[^/:]+:\w+|endpoints\/\d+:\w+|endpoints\/openapi\/chat\/completions)$/,
        settings: { accessToken: 't' },
      },
    ]
  const runs = 2_000

  test.each(cases.map((row) => [row.name, row] as const))(
    `%s: ${runs} models, projects and regions`,
    (name, { base, path, settings }) => {
      const provider = httpProvider(name)
      let accepted = 0
      fc.assert(
        fc.property(
          nasty,
          fc.oneof(fc.constant('project'), nasty),
          fc.oneof(fc.constant('us-east1'), nasty),
          fc.constantFrom(...operations),
          (model, project, region, operation) => {
            let url: URL
            try {
              const place = provider.place(
                operation,
                model,
                settingsFor({ baseUrl: base, project, region, ...settings }),
              )
              if (!place) return
              url = new URL(place.url)
            } catch (thrown) {
              if (thrown instanceof GatewayError) return
              throw thrown
            }
            accepted += 1
            expect(url.origin).toBe('http://127.0.0.1:9')
            expect(url.username + url.password + url.hash).toBe('')
            expect(url.pathname).toMatch(path)
            expect(url.search).toMatch(/^(\?alt=sse|\?api-version=[\d-]+)?$/)
          },
        ),
        { numRuns: runs, seed: 20_261 },
      )
      expect(accepted).toBeGreaterThan(0)
    },
  )

  test('regions name Google’s own hosts only', () => {
    const vertex = httpProvider('vertex')
    let accepted = 0
    fc.assert(
      fc.property(fc.oneof(nasty, fc.stringMatching(/^[a-z]+-[a-z]+\d$/)), (region) => {
        try {
          const place = vertex.place(
            'generate',
            'gemini-x',
            settingsFor({ baseUrl: 'https://aiplatform.googleapis.com', project: 'p', region }),
          )
          accepted += 1
          expect(new URL(place?.url ?? '').hostname).toMatch(
            /^([a-z0-9-]+-)?aiplatform(\.(us|eu)\.rep)?\.googleapis\.com$/,
          )
        } catch (thrown) {
          if (!(thrown instanceof GatewayError)) throw thrown
        }
      }),
      { numRuns: runs, seed: 20_262 },
    )
    expect(accepted).toBeGreaterThan(100)
  })
})
