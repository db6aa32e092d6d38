import { parseJson } from '../../rig/json.ts'
import type { Seen } from '../load/client.ts'
import type { Plan } from '../load/plan.ts'
import { meantArguments, meantText, tool, wordsIn } from '../load/scenes.ts'
import { type Answer, answerOf } from './read-answer.ts'

/**
 * What came of a request for its client. `broken-off`: an answer that began, failed, and says so. `refused`: an error
 * in place of an answer, in the client's own dialect.
 */
export type Outcome = 'answered' | 'broken-off' | 'refused' | 'left' | 'wrong'

export interface Verdict {
  outcome: Outcome
  /** Why it is wrong. */
  why?: string
}

const wrong = (why: string): Verdict => ({ outcome: 'wrong', why })

/** What an error may be here. A 500 is only right when it is a vendor's own. */
const errorStatuses: Readonly<Record<Plan['kind'], readonly number[]>> = {
  call: [429, 502, 503, 504, 529],
  // Its first call may still run or have been refused by now; while Redis is away nobody knows (promise E6).
  repeat: [409, 422, 429, 502, 503, 504, 529],
  'bad-body': [400, 429, 503],
  'bad-key': [401, 429, 503],
  count: [429, 502, 503, 504, 529],
}

/** Holds what a client saw against what the upstream meant for it (promises A1 to A4, A8, C16). */
export function judge(plan: Plan, seen: Seen): Verdict {
  const foreign = [...wordsIn(seen.text)].filter((word) => word !== plan.word)
  if (foreign.length > 0) return wrong(`another caller's ${foreign.join(', ')} in the answer`)
  if (seen.ended === 'hung') return wrong('no answer in a minute and a half')
  if (seen.ended === 'left') return judgeStart(plan, seen)
  if (seen.status === 0) return wrong('the connection ended without an answer')
  if (seen.requestId !== plan.requestId) return wrong(`x-request-id is "${seen.requestId}"`)
  if (seen.status !== 200) return judgeError(plan, seen)
  if (plan.kind === 'bad-body' || plan.kind === 'bad-key')
    return wrong('an answer to a request that is not good')
  if (plan.kind === 'count') return judgeCount(seen)
  return judgeAnswer(plan, seen)
}

/** A client that left has seen the beginning of what was meant, if it has seen anything. */
function judgeStart(plan: Plan, seen: Seen): Verdict {
  if (seen.status !== 200 || seen.events.length === 0) return { outcome: 'left' }
  const { text } = answerOf(plan.front, seen)
  return isStart(plan, text)
    ? { outcome: 'left' }
    : wrong(`not the beginning of what was meant: ${cut(text)}`)
}

function isStart({ word, pieces }: Plan, text: string): boolean {
  return meantText(word, pieces).startsWith(text)
}

/**
 * What the simulated vendors say when they fail. A client of their own dialect gets it as it is; one of them leaves out
 * the type that others name.
 */
const VENDORS_WORDS = /the rig\b/i

function judgeError(plan: Plan, seen: Seen): Verdict {
  const isVendors = VENDORS_WORDS.test(seen.text)
  if (!(isVendors && seen.status === 500) && !errorStatuses[plan.kind].includes(seen.status))
    return wrong(`${seen.status}: ${cut(seen.text)}`)
  if (seen.ended !== 'complete') return wrong(`${seen.status}, broken off`)
  const fault = plan.front.errorFault(seen.json)
  if (isVendors && fault === 'no error.type') return { outcome: 'refused' }
  return fault === undefined ? { outcome: 'refused' } : wrong(`${seen.status}: ${fault} in ${cut(seen.text)}`)
}

function judgeCount({ json }: Seen): Verdict {
  const { input_tokens: tokens } = json as { input_tokens?: unknown }
  return Number(tokens) > 0 ? { outcome: 'answered' } : wrong(`input_tokens is ${String(tokens)}`)
}

function judgeAnswer(plan: Plan, seen: Seen): Verdict {
  const answer = answerOf(plan.front, seen)
  if (plan.stream !== seen.events.length > 0) return wrong(plan.stream ? 'no stream' : 'a stream')
  if (!isStart(plan, answer.text)) return wrong(`not what was meant: ${cut(answer.text)}`)
  if (answer.errors > 0) return judgeBroken(answer)
  if (!answer.isEnded) return wrong(`a stream that ends without an end or an error (${seen.ended})`)
  if (seen.ended !== 'complete') return wrong('an answer with an end, in a body that was cut')
  if (answer.text !== meantText(plan.word, plan.pieces))
    return wrong(`ended after ${answer.text.length} characters as if that were all`)
  const fault = callFault(plan, answer)
  return fault === undefined ? { outcome: 'answered' } : wrong(fault)
}

function judgeBroken({ isEnded, errors }: Answer): Verdict {
  if (isEnded) return wrong('an error, and an end as if it had gone well')
  return errors === 1 ? { outcome: 'broken-off' } : wrong(`${errors} errors in one stream`)
}

function callFault({ scene, word }: Plan, { calls }: Answer): string | undefined {
  if (scene !== 'soak-tool') return calls.length === 0 ? undefined : 'a call of a tool that nobody made'
  const [call, ...more] = calls
  if (call === undefined || more.length > 0) return `${calls.length} calls in place of one`
  const same = JSON.stringify(parseJson(call.arguments)) === JSON.stringify(meantArguments(word))
  return call.name === tool.name && same ? undefined : `the call ${call.name}(${cut(call.arguments)})`
}

function cut(text: string): string {
  return text.length > 200 ? `${text.slice(0, 200)}…` : text
}
