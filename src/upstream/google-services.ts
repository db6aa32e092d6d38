import { readFile } from 'node:fs/promises'
import { parseJson } from '../protocol/model/json.ts'
import type { Services } from '../providers/provider.ts'
import { createGoogleTokens, type FetchJson } from './google-credentials.ts'
import { send } from './send.ts'
import { readAll } from './source.ts'

const MAXIMUM_BYTES = 1024 * 1024

const fetchJson: FetchJson = async (url, { method, headers, body, signal }) => {
  const response = await send({
    url,
    method,
    headers: { ...headers },
    ...(body === undefined ? {} : { body }),
    timeouts: {},
    signal,
  })
  const text = Buffer.from(await readAll(response.body, MAXIMUM_BYTES)).toString()
  return { status: response.status, body: parseJson(text) ?? text }
}

async function readTextFile(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return undefined
    throw thrown
  }
}

/** Google credentials over the gateway's own way out. */
export function googleServices(environment: Readonly<Record<string, string | undefined>>): Services {
  return {
    googleTokens: createGoogleTokens({ fetchJson, now: Date.now, readFile: readTextFile, environment }),
  }
}
