import type { Call } from '../../pipeline/call.ts'
import { asBuffer, scanJson } from '../../pipeline/json-scan.ts'
import type { MemberSpan } from '../../pipeline/member-index.ts'
import { invalid } from '../../protocol/model/error.ts'
import type { ChatRequest } from '../../protocol/model/request.ts'

const HEADER = 'x-xjp-disable-fallbacks'
const MEMBER = 'disable_fallbacks'

/**
 * Whether the client wants the first route and no other. It says so in a header, or in a member of the body, which is
 * taken out: no upstream knows it. Throws 400 when either is no truth value.
 */
export function wantsOnlyFirst(call: Call): boolean {
  const span = call.members.get(MEMBER)
  const isInBody = span !== undefined && takeMember(call, span)
  return isInBody || isTrue(call.headers.get(HEADER))
}

const words: Readonly<Record<string, boolean>> = { '1': true, true: true, '0': false, false: false }

function isTrue(header: string | null): boolean {
  if (header === null) return false
  const said = words[header.toLowerCase()]
  if (said === undefined) throw invalid(HEADER, 'expected true or false')
  return said
}

function takeMember(call: Call, span: MemberSpan): boolean {
  const value = asBuffer(call.body).toString('latin1', span.start, span.end)
  if (span.earlier || (value !== 'true' && value !== 'false' && value !== 'null'))
    throw invalid(MEMBER, 'expected true or false, once')
  call.body = withoutMember(asBuffer(call.body), span)
  call.members = scanJson(call.body)
  call.request = withoutExtension(call.request, call)
  call.restored &&= withoutExtension(call.restored, call)
  return value === 'true'
}

const QUOTE = 0x22
const COMMA = 0x2c

/** The body's bytes without a member and one comma; all others stay as they are. */
function withoutMember(body: Buffer, span: MemberSpan): Buffer {
  // The key's name holds no quote, however it is escaped.
  const closing = body.lastIndexOf(QUOTE, span.start - 1)
  let from = body.lastIndexOf(QUOTE, closing - 1)
  let to = span.end
  const before = skipSpace(body, from - 1, -1)
  const after = skipSpace(body, to, 1)
  if (body[before] === COMMA) from = before
  else if (body[after] === COMMA) to = after + 1
  return Buffer.concat([body.subarray(0, from), body.subarray(to)])
}

function skipSpace(bytes: Buffer, at: number, step: 1 | -1): number {
  while (bytes[at] === 0x20 || bytes[at] === 0x09 || bytes[at] === 0x0a || bytes[at] === 0x0d) at += step
  return at
}

/** What a decoder does not know it keeps for upstreams of the same dialect. */
function withoutExtension(request: ChatRequest, { client }: Call): ChatRequest {
  const own = request.extensions?.[client.name]
  if (own?.[MEMBER] === undefined) return request
  const { [MEMBER]: _, ...others } = own
  return { ...request, extensions: { ...request.extensions, [client.name]: others } }
}
