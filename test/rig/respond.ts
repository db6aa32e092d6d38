import type { Fault } from './fault/fault.ts'
import { bytesOf, type Reply } from './http/reply.ts'
import type { Failure, Performance } from './scene/performance.ts'
import type { Stage, WireDialect, WireEvent } from './wire/dialect.ts'

function json(status: number, value: unknown, headers: [string, string][]): Reply {
  return {
    status,
    headers: [['content-type', 'application/json'], ...headers],
    parts: [bytesOf(JSON.stringify(value))],
    framing: 'length',
    produced: [],
  }
}

export function errorReply(dialect: WireDialect, failure: Failure, vendor: string, serial: number): Reply {
  const status = dialect.status?.(failure, vendor) ?? failure.status
  const retry: [string, string][] =
    failure.retryAfterSeconds === undefined ? [] : [['retry-after', String(failure.retryAfterSeconds)]]
  return json(status, dialect.error(failure, vendor), [...dialect.headers(serial), ...retry])
}

export function bodyReply(dialect: WireDialect, body: unknown, serial: number): Reply {
  return json(200, body, dialect.headers(serial))
}

/** An error event instead of the first event, or in the middle and nothing after it. */
function broken(
  events: WireEvent[],
  performance: Performance,
  stage: Stage,
  dialect: WireDialect,
): WireEvent[] {
  const failure = performance.failure
  if (failure === undefined) return events
  const before = failure.when === 'first' ? [] : events.slice(0, Math.ceil(events.length / 2))
  const text = dialect.errorEvent(failure, stage.request.vendor)
  return [...before, { text, produced: before.at(-1)?.produced ?? 0 }]
}

function streamReply(dialect: WireDialect, performance: Performance, stage: Stage, fault: Fault): Reply {
  const played = broken(dialect.stream(performance, stage), performance, stage, dialect)
  const events = fault.events?.(played) ?? played
  const isSse = !events[0]?.text.startsWith('[')
  return {
    status: 200,
    headers: [
      ['content-type', isSse ? 'text/event-stream; charset=utf-8' : 'application/json'],
      ['cache-control', 'no-cache'],
      ...dialect.headers(stage.serial),
    ],
    parts: events.map((event) => bytesOf(event.text)),
    framing: 'chunked',
    produced: events.map((event) => event.produced),
  }
}

function wholeReply(dialect: WireDialect, performance: Performance, stage: Stage): Reply {
  const failure = performance.failure
  if (failure !== undefined) return errorReply(dialect, failure, stage.request.vendor, stage.serial)
  const reply = bodyReply(dialect, dialect.answer(performance, stage), stage.serial)
  return { ...reply, produced: [performance.bill?.output ?? 0] }
}

/** The answer to a chat request, with those parts of the fault that concern its content. */
export function respond(dialect: WireDialect, performed: Performance, stage: Stage, fault: Fault): Reply {
  const performance = fault.play?.(performed) ?? performed
  if (performance.failure?.when === 'before') return wholeReply(dialect, performance, stage)
  const streams = stage.request.stream !== (fault.swapForm === true)
  const reply = streams
    ? streamReply(dialect, performance, stage, fault)
    : wholeReply(dialect, performance, stage)
  return fault.reply?.(reply) ?? reply
}
