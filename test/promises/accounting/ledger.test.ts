import { describe, expect, test } from 'bun:test'
import type { Fields } from '../../rig/json.ts'
import type { Entry } from '../../rig/ledger.ts'
import { figure, size } from '../support/figure.ts'
import { chatFront, type Front, fronts } from '../support/fronts.ts'
import { ask, modelToml, openStage, upstreams } from '../support/stage.ts'
import {
  backends,
  crowd,
  entriesByWord,
  type Row,
  readFullBooks,
  rowsByRequest,
  wordOf,
} from './support/books.ts'

/** C1 one row per request, one per attempt; tokens equal the upstream's ledger. */

const COUNTS: Readonly<Record<string, number>> = { SQLite: 10_000, PostgreSQL: size(4_000, 10_000) }

/** What comes of a request, by the mark in its prompt. */
interface Case {
  mark: string
  /**
   * Tokens as the upstream bills them; what it did not report, estimated; nothing; or what it had said when it broke
   * off, which one of the upstreams says with every event.
   */
  amounts: 'billed' | 'estimated' | 'none' | 'broken-off'
  attempts: number
  ended: 'complete' | 'upstream' | 'gateway'
  only?: 'stream' | 'whole'
  model?: string
  /** Further members of the body. */
  more?: Fields
}

const whole = (mark: string): Case => ({ mark, amounts: 'billed', attempts: 1, ended: 'complete' })

const cases: readonly Case[] = [
  ...['text', 'usage', 'thinking', 'unicode', 'length', 'long@20'].map((scene) => whole(`[scene:${scene}]`)),
  { mark: '[fault:no-usage]', amounts: 'estimated', attempts: 1, ended: 'complete' },
  { mark: '[scene:error@400]', amounts: 'none', attempts: 1, ended: 'upstream' },
  { mark: '[scene:error@503]', amounts: 'none', attempts: 3, ended: 'upstream' },
  { mark: '[scene:error-first@529]', amounts: 'none', attempts: 3, ended: 'upstream', only: 'stream' },
  { mark: '[scene:error-middle@500]', amounts: 'broken-off', attempts: 1, ended: 'upstream', only: 'stream' },
  {
    mark: '[fault:cut-fin@2000] [scene:long@100]',
    amounts: 'broken-off',
    attempts: 1,
    ended: 'upstream',
    only: 'stream',
  },
  { mark: '', amounts: 'none', attempts: 0, ended: 'gateway', model: 'nobody-serves-this' },
  { mark: '', amounts: 'none', attempts: 0, ended: 'gateway', more: { temperature: 'warm' } },
]

const providers = [
  ...upstreams,
  { dialect: 'openrouter', provider: 'openrouter', model: 'vendor/model' },
] as const

const toml = `[retry]
budget = 10
max_retries = 2
backoff_ms = 1
${providers.map(({ dialect, provider, model }) => modelToml(dialect, { provider, model })).join('')}`

/** Why a row is wrong; empty when it is not. */
function faultsOf(asked: Case, row: Row, entries: readonly Entry[]): string[] {
  const wrong: string[] = []
  const check = (what: string, is: unknown, should: unknown): void => {
    if (is !== should) wrong.push(`${what}: ${String(is)} in place of ${String(should)}`)
  }
  check('attempts', row.attempts.length, asked.attempts)
  check('attempts in the ledger', entries.length, asked.attempts)
  check('end', row.end_reason, asked.ended)
  const brokenOff = row.provider === 'gemini' ? 'reported' : 'estimated'
  const sources = { billed: 'reported', estimated: 'estimated', none: 'none', 'broken-off': brokenOff }
  check('source', row.usage_source, sources[asked.amounts])
  const { bill } = entries.at(-1) ?? {}
  if (asked.amounts === 'billed') {
    check('prompt tokens', row.prompt_tokens, bill?.input)
    check('answer tokens', row.completion_tokens, bill?.output)
    check('cached tokens', row.cached_tokens, bill?.cacheRead)
    check('thinking tokens', row.reasoning_tokens, bill?.reasoning)
  }
  if (asked.amounts === 'estimated' || asked.amounts === 'broken-off') {
    check('a prompt', row.prompt_tokens > 0, true)
    check('an answer', row.completion_tokens > 0, true)
  }
  if (asked.amounts === 'none') check('tokens', row.prompt_tokens + row.completion_tokens, 0)
  if (row.provider === 'openrouter' && asked.amounts === 'billed')
    check('cost', row.cost_usd, (bill?.output ?? 0) / 1_000_000)
  return [...wrong, ...attemptFaults(row)]
}

/** The last attempt carries the amounts, the others nothing. */
function attemptFaults(row: Row): string[] {
  const sum = row.attempts.reduce(
    (tokens, attempt) => tokens + attempt.prompt_tokens + attempt.completion_tokens,
    0,
  )
  const numbers = row.attempts.map(({ attempt }) => attempt).join()
  const wrong = numbers === row.attempts.map((_, index) => index).join() ? [] : [`numbers ${numbers}`]
  return sum === row.prompt_tokens + row.completion_tokens ? wrong : [...wrong, `attempts sum to ${sum}`]
}

describe.each(backends)('C1: $name', (backend) => {
  const COUNT = COUNTS[backend.name] ?? 0
  test(`${COUNT} mixed requests`, async () => {
    const environment = await backend.environment()
    const stage = await openStage({ toml, env: environment })
    const asked = new Map<string, Case>()
    const work = Array.from({ length: COUNT }, (_, serial) => plan(serial))
    await crowd(COUNT, 48, async (serial) => {
      const { front, provider, stream, what } = work[serial] ?? plan(serial)
      const word = wordOf(serial)
      asked.set(word, what)
      const content = `${what.mark} ${word}`
      const headers = { 'x-request-id': word }
      await ask(stage.gateway.url, front, {
        model: what.model ?? provider,
        content,
        stream,
        headers,
        more: what.more ?? {},
      })
    })
    const books = await readFullBooks(stage.gateway.dataDirectory, environment, COUNT)
    const rows = rowsByRequest(books)
    const entries = entriesByWord(stage.upstream.ledger)
    const wrong: string[] = []
    for (const [word, what] of asked) {
      const [row, ...twins] = rows.get(word) ?? []
      if (row === undefined || twins.length > 0) wrong.push(`${word}: ${twins.length + (row ? 1 : 0)} rows`)
      else
        for (const fault of faultsOf(what, row, entries.get(word) ?? []))
          wrong.push(`${word} ${what.mark}: ${fault}`)
    }
    expect(wrong.slice(0, 10)).toEqual([])
    expect([books.rows.length, books.requests]).toEqual([COUNT, COUNT])
    for (const name of ['prompt_tokens', 'completion_tokens', 'cached_tokens', 'reasoning_tokens'] as const)
      expect(books[name]).toBe(books.rows.reduce((sum, row) => sum + row[name], 0))
    const attempts = books.rows.reduce((sum, row) => sum + row.attempts.length, 0)
    figure('C1', {
      store: backend.name,
      requests: COUNT,
      attempts,
      missing: 0,
      duplicates: 0,
      token_differences: 0,
    })
    await stage.close()
  }, 300_000)
})

function plan(serial: number): { front: Front; provider: string; stream: boolean; what: Case } {
  const what = cases[serial % cases.length] ?? whole('')
  const rest = Math.floor(serial / cases.length)
  const front = fronts[rest % 2] ?? chatFront
  const provider = providers[(rest >> 1) % providers.length]?.dialect ?? 'messages'
  const stream = what.only === undefined ? (rest >> 3) % 2 === 0 : what.only === 'stream'
  return { front, provider, stream, what }
}
