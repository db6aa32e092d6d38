import { MARKER } from './dialects.ts'
import type { Rig } from './rig.ts'
import type { Target } from './targets.ts'

const STREAM_EVENTS = 5

/** Asks each target once for a whole answer and once for a stream; says what is wrong, undefined when nothing is. */
export async function wrongAnswer(rig: Rig, target: Target): Promise<string | undefined> {
  rig.upstream.plan({ intervalMs: 1, events: STREAM_EVENTS })
  for (const [stream, expected] of [
    [false, 1],
    [true, STREAM_EVENTS],
  ] as const) {
    const { port, request } = rig.load(target, { stream })
    const [head = '', body = ''] = new TextDecoder().decode(request).split('\r\n\r\n')
    const answer = await fetch(`http://127.0.0.1:${port}${head.split(' ')[1]}`, {
      method: 'POST',
      headers: headersOf(head),
      body,
    })
    const text = await answer.text()
    const found = text.split(MARKER).length - 1
    if (answer.status !== 200 || found !== expected)
      return `${stream ? 'stream' : 'whole answer'}: expected status 200 with ${expected} pieces of content, got ${answer.status} with ${found}: ${text.slice(0, 300)}`
  }
  return undefined
}

function headersOf(head: string): [string, string][] {
  const lines = head.split('\r\n').slice(1)
  return lines
    .map((line): [string, string] => {
      const [name = '', ...value] = line.split(': ')
      return [name, value.join(': ')]
    })
    .filter(([name]) => name !== 'host' && name !== 'content-length')
}
