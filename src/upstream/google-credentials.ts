import { isObject } from '../protocol/model/json.ts'
import type { ProviderSettings, Services, TokenSource } from '../providers/provider.ts'
import { grantOfFile } from './google/grants.ts'
import { metadataGrant } from './google/metadata.ts'
import { type GoogleOutside, type Grant, type Granter, refused } from './google/outside.ts'
import { TokenCache } from './google/token-cache.ts'

export type { FetchJson, GoogleOutside } from './google/outside.ts'

/**
 * Google access tokens (protocol.md §5.3): the one given in the settings, else the configured credentials file,
 * else application default credentials in Google's order: the file of `GOOGLE_APPLICATION_CREDENTIALS`, gcloud's
 * own, the metadata server. Sources are shared between settings that name the same credential.
 */
export function createGoogleTokens(outside: GoogleOutside): Services['googleTokens'] {
  const caches = new Map<string, TokenCache>()
  const cached = (name: string, fetch: Granter): TokenSource => {
    let cache = caches.get(name)
    if (!cache) caches.set(name, (cache = new TokenCache(fetch, outside.now)))
    return sourceOf(cache)
  }
  return (settings) => {
    if (settings.accessToken !== undefined) return fixed(settings.accessToken, settings.project)
    const path = serviceAccountFile(settings)
    if (path !== undefined) return cached(`file ${path}`, () => fromFile(outside, path))
    return cached('default', () => applicationDefault(outside))
  }
}

function serviceAccountFile({ options }: ProviderSettings): string | undefined {
  const path = options['serviceAccountFile']
  if (path === undefined || typeof path === 'string') return path
  throw refused('service_account_file: expected the path of a file; correct it in the configuration')
}

function sourceOf(cache: TokenCache): TokenSource {
  return {
    async accessToken(signal) {
      const { token, project } = await cache.get(signal)
      return project === undefined ? { token } : { token, project }
    },
  }
}

function fixed(token: string, project: string | undefined): TokenSource {
  return { accessToken: () => Promise.resolve(project === undefined ? { token } : { token, project }) }
}

/** The file is read anew for each token, so that a rotated key is found. */
async function fromFile(outside: GoogleOutside, path: string): Promise<Grant> {
  const text = await outside.readFile(path)
  if (text === undefined) throw refused(`there is no file ${path}`)
  return grantOfFile(outside, parsed(text, path))
}

function parsed(text: string, path: string) {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    // The parser's message could quote the file.
  }
  if (isObject(value)) return value
  throw refused(`${path} holds no JSON object; expected a credentials file`)
}

async function applicationDefault(outside: GoogleOutside): Promise<Grant> {
  const named = outside.environment['GOOGLE_APPLICATION_CREDENTIALS']
  if (named) return fromFile(outside, named)
  const usual = gcloudFile(outside.environment)
  const text = usual === undefined ? undefined : await outside.readFile(usual)
  if (usual !== undefined && text !== undefined) return grantOfFile(outside, parsed(text, usual))
  try {
    return await metadataGrant(outside)
  } catch (thrown) {
    throw refused(
      'none found. Set service_account_file in the configuration, GOOGLE_APPLICATION_CREDENTIALS or VERTEX_ACCESS_TOKEN in the environment, or run "gcloud auth application-default login"; the metadata server does not answer either',
      thrown,
    )
  }
}

/** Where gcloud keeps them, on Unix and on Windows. */
function gcloudFile(environment: GoogleOutside['environment']): string | undefined {
  const { CLOUDSDK_CONFIG: configured, APPDATA: windows, HOME: home } = environment
  const folder = configured || (windows && `${windows}/gcloud`) || (home && `${home}/.config/gcloud`)
  return folder ? `${folder}/application_default_credentials.json` : undefined
}
