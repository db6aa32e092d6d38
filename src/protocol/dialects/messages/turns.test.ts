import { describe, expect, test } from 'bun:test'
import { Losses } from '../../model/dropped.ts'
import type { JsonObject } from '../../model/json.ts'
import { answersUnsignedCalls, normaliseTurns, type Turn } from './turns.ts'

const said = (text: string): JsonObject => ({ type: 'text', text })
const call = (id: string): JsonObject => ({ type: 'tool_use', id, name: 'f', input: {} })
const result = (id: string, content = 'ok'): JsonObject => ({ type: 'tool_result', tool_use_id: id, content })
const missing = (id: string): JsonObject => ({ ...result(id, 'tool result missing'), is_error: true })
const user = (...content: JsonObject[]): Turn => ({ role: 'user', content })
const assistant = (...content: JsonObject[]): Turn => ({ role: 'assistant', content })
const system = (...content: JsonObject[]): Turn => ({ role: 'system', content })

interface Case {
  name: string
  turns: Turn[]
  expected: Turn[]
  prefill?: boolean
  losses?: number
}

const cases: Case[] = [
  {
    name: 'turns of one role are merged, empty ones are gone',
    turns: [user(said('a')), assistant(), user(said('b'))],
    expected: [user(said('a'), said('b'))],
  },
  {
    name: 'results stand first',
    turns: [assistant(call('1')), user(said('and'), result('1'))],
    expected: [assistant(call('1')), user(result('1'), said('and'))],
  },
  {
    name: 'results of parallel calls in separate turns become one, in the caller’s order',
    turns: [assistant(call('1'), call('2')), user(result('2')), user(result('1'))],
    expected: [assistant(call('1'), call('2')), user(result('2'), result('1'))],
  },
  {
    name: 'a missing result is an error result',
    turns: [assistant(call('1'), call('2')), user(result('1'))],
    expected: [assistant(call('1'), call('2')), user(result('1'), missing('2'))],
    losses: 1,
  },
  {
    name: 'calls at the very end are answered too',
    turns: [user(said('q')), assistant(call('1'))],
    expected: [user(said('q')), assistant(call('1')), user(missing('1'))],
    losses: 1,
  },
  {
    name: 'the last of several results counts',
    turns: [assistant(call('1')), user(result('1', 'old'), result('1', 'new'))],
    expected: [assistant(call('1')), user(result('1', 'new'))],
    losses: 1,
  },
  {
    name: 'a result without its call is told as text',
    turns: [user(said('q'), result('9', 'late'))],
    expected: [user(said('q'), said('Result of tool call 9:\nlate'))],
    losses: 1,
  },
  {
    name: 'a system turn does not part calls from results',
    turns: [assistant(call('1')), system(said('s')), user(result('1')), assistant(said('a'))],
    expected: [assistant(call('1')), user(result('1')), system(said('s')), assistant(said('a'))],
  },
  {
    name: 'a prefill loses its trailing white space',
    turns: [user(said('q')), assistant(said('{ \n'))],
    expected: [user(said('q')), assistant(said('{'))],
  },
  {
    name: 'a blank prefill is none',
    turns: [user(said('q')), assistant(said(' '))],
    expected: [user(said('q'))],
  },
  {
    name: 'a model without prefill is asked to go on',
    turns: [user(said('q')), assistant(said('a'))],
    prefill: false,
    expected: [user(said('q')), assistant(said('a')), user(said('Continue.'))],
    losses: 1,
  },
  {
    name: 'a paused server tool is continued as it is',
    turns: [user(said('q')), assistant(said('a'), { type: 'server_tool_use', id: 's' })],
    prefill: false,
    expected: [user(said('q')), assistant(said('a'), { type: 'server_tool_use', id: 's' })],
  },
  {
    name: 'a conversation may begin with the assistant',
    turns: [assistant(said('a')), user(said('q'))],
    expected: [assistant(said('a')), user(said('q'))],
  },
  { name: 'no turn at all', turns: [], expected: [user(said('Continue.'))], losses: 1 },
]

describe('turns', () => {
  for (const { name, turns, expected, prefill, losses } of cases)
    test(name, () => {
      const found = new Losses()
      expect(normaliseTurns(turns, prefill ?? true, found)).toEqual(expected)
      expect(found.list).toHaveLength(losses ?? 0)
    })
})

describe('calls whose thinking is lost', () => {
  const thinking = { type: 'thinking', thinking: '', signature: 's' }
  const table: [string, Turn[], boolean][] = [
    ['being answered', [assistant(call('1')), user(result('1'))], true],
    ['being answered, signed', [assistant(thinking, call('1')), user(result('1'))], false],
    [
      'answered long ago',
      [assistant(call('1')), user(result('1')), assistant(said('a')), user(said('q'))],
      false,
    ],
    ['none', [user(said('q'))], false],
  ]
  for (const [name, turns, expected] of table)
    test(name, () => {
      expect(answersUnsignedCalls(turns)).toBe(expected)
    })
})
