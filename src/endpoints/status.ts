import type { Gateway } from './gateway.ts'

/** `GET /status`: which circuits are open, what cools down, how the stores and the journal stand. Waits for nobody. */
export async function status(gateway: Gateway): Promise<Response> {
  return new Response(`${JSON.stringify(await gateway.operations.status(), null, 2)}\n`, {
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
  })
}
