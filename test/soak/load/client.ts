import { eventsOf, type WireEvent } from '../../promises/support/fronts.ts'
import { type Fields, parseJson } from '../../rig/json.ts'
import { sendRaw } from '../../rig/swarm.ts'
import type { Plan } from './plan.ts'
import { meantText } from './scenes.ts'

/** What a client saw. */
export interface Seen {
  /** 0: it left, or was cut off, before an answer came. */
  status: number
  requestId: string
  /** Of the body. */
  text: string
  events: WireEvent[]
  json: unknown
  /** `left`: the client's own doing. `broken`: the body ended against its own framing, or the connection did. */
  ended: 'complete' | 'left' | 'broken' | 'hung'
  milliseconds: number
}

/** Nothing the gateway is told here lasts longer. */
const HUNG_MS = 90_000
/** Of the header block and the framing, about; an event takes some 200 bytes around its seven characters. */
const HEAD_BYTES = 600
const BYTES_A_PIECE = 700

/** One request, until its end or until the client leaves. Never throws. */
export async function perform(plan: Plan, url: string, key: string): Promise<Seen> {
  const begun = performance.now()
  const request = {
    url,
    path: plan.kind === 'count' ? '/v1/messages/count_tokens' : plan.front.path,
    headers: { authorization: `Bearer ${key}`, 'x-request-id': plan.requestId, ...plan.headers },
    body: plan.kind === 'count' ? countBody(plan.body) : plan.body,
  }
  let timer: ReturnType<typeof setTimeout> | undefined
  const hung = new Promise<Seen>((resolve) => {
    timer = setTimeout(() => resolve(nothing('hung', begun)), HUNG_MS)
  })
  const answered = plan.raw ? throughSocket(plan, request, begun) : throughPool(plan, request, begun)
  return Promise.race([answered, hung]).finally(() => clearTimeout(timer))
}

interface Request {
  url: string
  path: string
  headers: Record<string, string>
  body: Fields
}

function nothing(ended: Seen['ended'], begun: number): Seen {
  const milliseconds = performance.now() - begun
  return { status: 0, requestId: '', text: '', events: [], json: undefined, ended, milliseconds }
}

function seen(
  status: number,
  headers: { type: string; requestId: string },
  text: string,
  ended: Seen['ended'],
  begun: number,
): Seen {
  const isStream = headers.type.startsWith('text/event-stream')
  return {
    status,
    requestId: headers.requestId,
    text,
    events: isStream ? eventsOf(text) : [],
    json: isStream ? undefined : parseJson(text),
    ended,
    milliseconds: performance.now() - begun,
  }
}

async function throughSocket(plan: Plan, request: Request, begun: number): Promise<Seen> {
  const { leaves } = plan
  const expected = plan.stream
    ? plan.pieces * BYTES_A_PIECE
    : Buffer.byteLength(meantText(plan.word, plan.pieces))
  const options =
    leaves && 'share' in leaves
      ? { abort: { atByte: Math.ceil(leaves.share * (HEAD_BYTES + expected)), how: leaves.how } }
      : {}
  const ends = { aborted: 'left', complete: 'complete', fin: 'broken', rst: 'broken' } as const
  try {
    const { status, headers, body, ended } = await sendRaw(request, options)
    const named = { type: headers['content-type'] ?? '', requestId: headers['x-request-id'] ?? '' }
    return seen(status, named, new TextDecoder().decode(body), ends[ended], begun)
  } catch {
    return nothing('broken', begun)
  }
}

async function throughPool(plan: Plan, request: Request, begun: number): Promise<Seen> {
  const { leaves } = plan
  const controller = new AbortController()
  const timer =
    leaves && 'afterMs' in leaves ? setTimeout(() => controller.abort(), leaves.afterMs) : undefined
  let [status, text] = [0, '']
  const named = { type: '', requestId: '' }
  try {
    const response = await fetch(request.url + request.path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...request.headers },
      body: JSON.stringify(request.body),
      signal: controller.signal,
    })
    status = response.status
    named.type = response.headers.get('content-type') ?? ''
    named.requestId = response.headers.get('x-request-id') ?? ''
    const decoder = new TextDecoder()
    for await (const piece of response.body ?? []) text += decoder.decode(piece, { stream: true })
    return seen(status, named, text, 'complete', begun)
  } catch {
    return seen(status, named, text, controller.signal.aborted ? 'left' : 'broken', begun)
  } finally {
    clearTimeout(timer)
  }
}

/** The other endpoint takes the same conversation, without what concerns the answer. */
function countBody({ model, messages }: Fields): Fields {
  return { model, messages }
}
