import { describe, expect, test } from 'bun:test'
import { isProxied } from './proxy.ts'

describe('whether a request goes through a proxy of the environment', () => {
  const proxy = 'http://proxy.test:3128'
  const cases: [string, Record<string, string>, boolean][] = [
    ['https://api.test/v1', {}, false],
    ['https://api.test/v1', { https_proxy: proxy }, true],
    ['https://api.test/v1', { HTTPS_PROXY: proxy }, true],
    ['https://api.test/v1', { http_proxy: proxy }, false],
    ['http://api.test/v1', { http_proxy: proxy }, true],
    ['http://api.test/v1', { http_proxy: '' }, false],
    ['https://api.test/v1', { https_proxy: proxy, no_proxy: '*' }, false],
    ['https://api.test/v1', { https_proxy: proxy, no_proxy: 'other.test, api.test' }, false],
    ['https://eu.api.test/v1', { https_proxy: proxy, NO_PROXY: 'api.test' }, false],
    ['https://eu.api.test/v1', { https_proxy: proxy, NO_PROXY: '.API.test' }, false],
    ['https://notapi.test/v1', { https_proxy: proxy, NO_PROXY: 'api.test,' }, true],
    ['http://127.0.0.1:8080/', { http_proxy: proxy, no_proxy: '127.0.0.1:8080' }, false],
    ['http://127.0.0.1:8081/', { http_proxy: proxy, no_proxy: '127.0.0.1:8080' }, true],
  ]
  for (const [url, environment, expected] of cases)
    test(`${url} with ${JSON.stringify(environment)}: ${expected}`, () => {
      expect(isProxied(new URL(url), environment)).toBe(expected)
    })
})
