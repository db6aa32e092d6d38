import type { AttemptRecord, Call, PassedOver, Reply } from '../pipeline/call.ts'
import type { Gateway } from './gateway.ts'
import type { Inbound } from './inbound.ts'
import { isAdministrator } from './operator-access.ts'

/** Asks for it in a request, carries it in the answer. */
const HEADER = 'x-xjp-explain'
/** Header values are cut at 2,000 characters, and half of a JSON text is none. */
const MAXIMUM_CHARACTERS = 1_900
/** How many entries of each list are kept, tried in this order until the text is short enough. */
const LENGTHS = [100, 30, 12, 6, 3, 1, 0] as const
const MAXIMUM_NAME = 80

/** What became of a call and why, as the header carries it. Times are milliseconds. */
interface Explanation {
  model: string
  /** The name it was asked for by, when that is an alias. */
  asked?: string
  /** What put the routes into their order; absent when there was one. */
  balance?: string
  /** Where it could go, in this order. */
  routes?: string[]
  passed_over?: PassedOver[]
  attempts: ExplainedAttempt[]
  queued_ms?: number
  first_content_ms?: number
  /** Nothing of the answer is there yet: the status went out so that the client hears something. */
  pending?: true
  /** How many entries were left out for the sake of the length. */
  left_out?: number
}

interface ExplainedAttempt {
  target: string
  credential?: string
  reason?: string
  ms: number
  waited_ms?: number
  status?: number
  error?: string
  lost?: true
}

/** Headers with the explanation of the call, for an administrator who asks for one; else those that were given. */
export function explained(
  gateway: Gateway,
  inbound: Inbound,
  call: Call,
  headers: Reply['headers'],
): Reply['headers'] {
  const asked = inbound.request.headers.get(HEADER)
  if (asked === null || !isTrue(asked) || !isAdministrator(gateway, inbound)) return headers
  return { ...headers, [HEADER]: explanationText(call, performance.now()) }
}

function isTrue(text: string): boolean {
  return text === '1' || text.toLowerCase() === 'true'
}

/** JSON in printable ASCII, of at most 1,900 characters. */
export function explanationText(call: Pick<Call, 'record' | 'request'>, now: number): string {
  const whole = explanationOf(call, now)
  for (const length of LENGTHS) {
    const text = ascii(JSON.stringify(shortened(whole, length)))
    if (text.length <= MAXIMUM_CHARACTERS) return text
  }
  return '{}'
}

function explanationOf({ record, request }: Pick<Call, 'record' | 'request'>, now: number): Explanation {
  const { model, balance, considered, passedOver, attempts, queuedMs, firstByteMs, error } = record
  const isPending = firstByteMs === undefined && error === undefined
  return {
    model: short(model),
    ...(request.model === model ? {} : { asked: short(request.model) }),
    ...(balance === undefined ? {} : { balance }),
    ...(considered === undefined ? {} : { routes: considered.map(({ label }) => short(label)) }),
    ...(passedOver === undefined
      ? {}
      : { passed_over: passedOver.map(({ target, reason }) => ({ target: short(target), reason })) }),
    attempts: attempts.map((attempt) => attemptOf(attempt, now)),
    ...(queuedMs === undefined ? {} : { queued_ms: rounded(queuedMs) }),
    ...(firstByteMs === undefined ? {} : { first_content_ms: rounded(firstByteMs) }),
    ...(isPending ? { pending: true } : {}),
  }
}

function attemptOf(attempt: AttemptRecord, now: number): ExplainedAttempt {
  const { target, credential, reason, milliseconds, startedAt, waitedMs, status, error, lost } = attempt
  return {
    target: short(target),
    ...(credential === undefined ? {} : { credential: short(credential) }),
    ...(reason === undefined ? {} : { reason }),
    // One that is still under way has no end yet.
    ms: rounded(milliseconds === 0 ? now - startedAt : milliseconds),
    ...(waitedMs === undefined ? {} : { waited_ms: rounded(waitedMs) }),
    ...(status === undefined ? {} : { status }),
    ...(error === undefined ? {} : { error: error.kind }),
    ...(lost ? { lost } : {}),
  }
}

/** Of attempts the last ones are kept: they say how it ended. */
function shortened(whole: Explanation, length: number): Explanation {
  const { routes, passed_over, attempts } = whole
  const left = [routes, passed_over, attempts].reduce(
    (sum, list) => sum + Math.max(0, (list?.length ?? 0) - length),
    0,
  )
  if (left === 0) return whole
  return {
    ...whole,
    ...(routes && { routes: routes.slice(0, length) }),
    ...(passed_over && { passed_over: passed_over.slice(0, length) }),
    attempts: length === 0 ? [] : attempts.slice(-length),
    left_out: left,
  }
}

function short(name: string): string {
  return name.length <= MAXIMUM_NAME ? name : `${name.slice(0, MAXIMUM_NAME - 3)}...`
}

/** Header values are printable ASCII; JSON has a way to say the rest in it. */
function ascii(json: string): string {
  return json.replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

function rounded(milliseconds: number): number {
  return Math.round(milliseconds * 10) / 10
}
