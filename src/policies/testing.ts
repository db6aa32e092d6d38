import type { Call } from '../pipeline/call.ts'
import type { Target } from '../pipeline/target.ts'
import type { Message } from '../protocol/model/request.ts'

type Parts = { -readonly [Key in keyof Call]?: Call[Key] }

/** What a call may lack. */
const optional = new Set(['restored', 'attempt', 'capture', 'trace'])

/** A call with what a policy under test reads; asking it for anything else fails the test. */
export function callWith(parts: Parts): Call {
  const known: Parts = {
    id: 'call',
    tenant: 'open',
    signal: new AbortController().signal,
    startedAt: performance.now(),
    strict: false,
    taps: [],
    targets: [],
    record: {
      endpoint: 'chat.completions',
      model: 'm',
      stream: true,
      attempts: [],
      dropped: [],
      bytesSent: 0,
    },
    ...parts,
  }
  return new Proxy(known, {
    get(target, name) {
      if (name in target || optional.has(String(name))) return Reflect.get(target, name)
      throw new Error(`the call in this test has no ${String(name)}`)
    },
  }) as Call
}

export function requestWith(messages: Message[]): Call['request'] {
  return { model: 'm', stream: true, messages }
}

export function targetNamed(label: string, retry = { maxRetries: 3, backoffMs: 500 }): Target {
  const [provider = label] = label.split('/')
  const parts: Partial<Target> = {
    label,
    retry,
    route: label,
    publicModel: 'm',
    weight: 1,
    settings: { name: provider, baseUrl: '', headers: {}, options: {} },
    model: label,
  }
  return parts as Target
}
