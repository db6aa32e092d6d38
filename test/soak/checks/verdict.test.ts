import { describe, expect, test } from 'bun:test'
import { chatFront, eventsOf, messagesFront } from '../../promises/support/fronts.ts'
import type { Seen } from '../load/client.ts'
import { type Plan, planOf } from '../load/plan.ts'
import { meantArguments, meantText, tool, wordOf } from '../load/scenes.ts'
import { judge } from './verdict.ts'

/** The checks of the soak see what they are there for. */

const word = wordOf(7)
const other = wordOf(8)
const base = planOf(7, { seed: 1, keys: 3, leaving: 0, thinkingUntil: 0 })

function planned(more: Partial<Plan>): Plan {
  return {
    ...base,
    word,
    requestId: word,
    kind: 'call',
    front: chatFront,
    scene: 'soak-text',
    pieces: 3,
    ...more,
  }
}

function seen(more: Partial<Seen>): Seen {
  const whole = { status: 200, requestId: word, text: '', events: [], json: undefined }
  return { ...whole, ended: 'complete', milliseconds: 1, ...more }
}

const chunk = (delta: object): string => `data: ${JSON.stringify({ choices: [{ index: 0, delta }] })}\n\n`
const DONE = 'data: [DONE]\n\n'
const FAILED = 'data: {"error":{"message":"broke off","type":"server_error"}}\n\n'

function stream(...pieces: string[]): Seen {
  const text = pieces.join('')
  return seen({ text, events: eventsOf(text) })
}

const meant = meantText(word, 3)
const call = { index: 0, function: { name: tool.name, arguments: JSON.stringify(meantArguments(word)) } }

describe('streams', () => {
  const cases: [string, string[], string][] = [
    ['whole', [chunk({ content: meant }), DONE], 'answered'],
    ['in pieces', [...meant].map((content) => chunk({ content })).concat(DONE), 'answered'],
    ['with an error at the end', [chunk({ content: meant.slice(0, 9) }), FAILED], 'broken-off'],
    ['without an end', [chunk({ content: meant })], 'wrong'],
    ['ended before its time', [chunk({ content: meant.slice(0, 9) }), DONE], 'wrong'],
    ['an error and an end', [chunk({ content: meant }), FAILED, DONE], 'wrong'],
    ['two errors', [chunk({ content: meant }), FAILED, FAILED], 'wrong'],
    ['a piece twice', [chunk({ content: meant }), chunk({ content: meant.slice(-4) }), DONE], 'wrong'],
    ['a piece that is not there', [chunk({ content: meant.slice(0, 5) + meant.slice(6) }), DONE], 'wrong'],
    ['another caller’s', [chunk({ content: meantText(other, 3) }), DONE], 'wrong'],
    ['a call that nobody made', [chunk({ content: meant, tool_calls: [call] }), DONE], 'wrong'],
  ]
  test.each(cases)('%s', (_, pieces, outcome) => {
    expect(judge(planned({ stream: true }), stream(...pieces)).outcome).toBe(outcome as 'answered')
  })

  test('a tool’s arguments are compared', () => {
    const plan = planned({ stream: true, scene: 'soak-tool' })
    const good = stream(chunk({ content: meant, tool_calls: [call] }), DONE)
    expect(judge(plan, good).outcome).toBe('answered')
    const changed = { index: 0, function: { ...call.function, arguments: '{"days":4}' } }
    const bad = stream(chunk({ content: meant, tool_calls: [changed] }), DONE)
    expect(judge(plan, bad).outcome).toBe('wrong')
    expect(judge(plan, stream(chunk({ content: meant }), DONE)).outcome).toBe('wrong')
  })

  test('what a client saw before it left is compared', () => {
    const plan = planned({ stream: true })
    const left = (text: string): Seen => ({ ...stream(chunk({ content: text })), ended: 'left' })
    expect(judge(plan, left(meant.slice(0, 9))).outcome).toBe('left')
    expect(judge(plan, left('what?')).outcome).toBe('wrong')
    expect(judge(plan, seen({ status: 0, ended: 'left' })).outcome).toBe('left')
  })
})

describe('whole answers and errors', () => {
  const message = (text: string): object => ({ content: [{ type: 'text', text }] })
  const error = (type?: string): object => ({ type: 'error', error: { message: 'no', type } })
  const plan = planned({ stream: false, front: messagesFront })
  const cases: [string, Partial<Seen>, string][] = [
    ['the whole', { json: message(meant) }, 'answered'],
    ['less', { json: message(meant.slice(0, -1)) }, 'wrong'],
    ['no JSON', { json: undefined }, 'wrong'],
    ['another id', { json: message(meant), requestId: other }, 'wrong'],
    ['cut', { json: message(meant), ended: 'broken' }, 'wrong'],
    ['503', { status: 503, json: error('overloaded_error') }, 'refused'],
    ['503 in no dialect', { status: 503, json: error() }, 'wrong'],
    ['500', { status: 500, json: error('api_error'), text: 'internal' }, 'wrong'],
    ['500 of a vendor', { status: 500, json: error('api_error'), text: 'The rig was told' }, 'refused'],
    ['400', { status: 400, json: error('invalid_request_error') }, 'wrong'],
    ['nothing', { status: 0, ended: 'broken' }, 'wrong'],
    ['no answer for too long', { status: 0, ended: 'hung' }, 'wrong'],
    ['another caller’s word', { status: 503, json: error('x'), text: `sorry, ${other}` }, 'wrong'],
  ]
  test.each(cases)('%s', (_, what, outcome) => {
    expect(judge(plan, seen(what)).outcome).toBe(outcome as 'answered')
  })

  test('a request that is not good gets no answer', () => {
    const bad = planned({ kind: 'bad-key', front: messagesFront, stream: false })
    expect(judge(bad, seen({ json: message(meant) })).outcome).toBe('wrong')
    expect(judge(bad, seen({ status: 401, json: error('authentication_error') })).outcome).toBe('refused')
  })
})
