import { contentTypes, exposition, formatFor } from '../telemetry/metrics/exposition.ts'
import type { Gateway } from './gateway.ts'
import type { Inbound } from './inbound.ts'

/** Calls get their turn after so long. */
const TURN_MILLISECONDS = 2

/** `GET /metrics`: for Prometheus, in the format it asks for. */
export async function metrics(gateway: Gateway, { request }: Inbound): Promise<Response> {
  const format = formatFor(request.headers.get('accept'))
  const families = await gateway.operations.metrics()
  let text = ''
  let begun = performance.now()
  for (const piece of exposition(families, format)) {
    text += piece
    if (performance.now() - begun < TURN_MILLISECONDS) continue
    await nextTurn()
    begun = performance.now()
  }
  return new Response(text, {
    headers: { 'content-type': contentTypes[format], 'cache-control': 'no-store', vary: 'accept' },
  })
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
