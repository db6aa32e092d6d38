import { GatewayError } from '../protocol/model/error.ts'
import { processSettings } from '../providers/process/settings.ts'
import type { Provider } from '../providers/provider.ts'
import type { ProviderSection } from './schema-provider.ts'

/** Which providers a member of a section is for. */
interface Scope {
  applies(provider: Provider): boolean
  /** After "only for". */
  text: string
}

const http: Scope = { applies: ({ kind }) => kind === 'http', text: 'providers reached over HTTP' }
const oauth: Scope = {
  applies: (provider) => provider.kind === 'http' && provider.environment.accessToken !== undefined,
  text: 'providers that take access tokens',
}
const customHttp: Scope = { applies: ({ id }) => id === 'custom_http', text: 'type "custom_http"' }
const process: Scope = { applies: ({ id }) => id === 'process', text: 'type "process"' }

const scopes: Readonly<Partial<Record<keyof ProviderSection, Scope>>> = {
  base_url: http,
  api_key: http,
  access_token: oauth,
  credentials: http,
  service_account_file: oauth,
  project: http,
  region: http,
  api_version: http,
  dialect: http,
  headers: http,
  path: customHttp,
  auth: customHttp,
  auth_header: customHttp,
  command: process,
  cwd: process,
  env: process,
  input: process,
  output: process,
  timeout_ms: process,
  max_output_bytes: process,
  concurrency: process,
}

export interface MemberFault {
  member: keyof ProviderSection
  expected: string
}

/** Members that the section's provider cannot use, and members that need others. */
export function memberFaults(section: ProviderSection, provider: Provider): MemberFault[] {
  const members = Object.keys(section) as (keyof ProviderSection)[]
  const misplaced = members.flatMap((member): MemberFault[] => {
    const scope = scopes[member]
    if (section[member] === undefined || scope === undefined || scope.applies(provider)) return []
    return [{ member, expected: `no ${member} for "${provider.id}": it is only for ${scope.text}` }]
  })
  return misplaced.length > 0 ? misplaced : rules.flatMap((rule) => rule(section, provider))
}

const COMMAND =
  'a program without placeholders, then arguments with no others than {model}, {max_tokens} and {temperature}; {{ is a brace'

/** What the members of a section must be together. */
const rules: readonly ((section: ProviderSection, provider: Provider) => MemberFault[])[] = [
  ({ auth, auth_header }) =>
    auth === 'header' && auth_header === undefined
      ? [{ member: 'auth', expected: 'an auth_header beside it that names the header' }]
      : [],
  ({ auth, auth_header }) =>
    auth !== undefined && auth !== 'header' && auth_header !== undefined
      ? [{ member: 'auth_header', expected: 'auth = "header" beside it' }]
      : [],
  ({ dialect, path }) =>
    dialect === 'generate-content' && path !== undefined && !path.includes('{method}')
      ? [{ member: 'path', expected: '{method} in it: this dialect names whole and streamed answers there' }]
      : [],
  (section, provider) => {
    if (provider.id !== 'process' || section.command === undefined) return []
    try {
      processSettings({ name: provider.id, baseUrl: '', headers: {}, options: optionsOf(section) })
      return []
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error
      return [{ member: 'command', expected: COMMAND }]
    }
  },
  (section, provider) => {
    if (provider.kind !== 'http' || section.dialect === undefined) return []
    try {
      // A provider refuses a dialect it does not speak when it is asked for the dialect of any model.
      provider.dialect('model', {
        name: provider.id,
        baseUrl: '',
        headers: {},
        options: {},
        dialect: section.dialect,
      })
      return []
    } catch (error) {
      if (!(error instanceof GatewayError)) throw error
      return [{ member: 'dialect', expected: `a dialect that "${provider.id}" speaks` }]
    }
  },
]

/** Members that have no place of their own in `ProviderSettings`, under the names providers read. */
const optionNames = {
  service_account_file: 'serviceAccountFile',
  api_version: 'apiVersion',
  dialect: 'dialect',
  path: 'path',
  auth: 'auth',
  auth_header: 'authHeader',
  command: 'command',
  cwd: 'cwd',
  env: 'env',
  input: 'input',
  output: 'output',
  timeout_ms: 'timeoutMs',
  max_output_bytes: 'maxOutputBytes',
  concurrency: 'concurrency',
} as const satisfies Partial<Record<keyof ProviderSection, string>>

export function optionsOf(section: ProviderSection): Record<string, unknown> {
  const options: Record<string, unknown> = {}
  for (const [member, name] of Object.entries(optionNames)) {
    const value = section[member as keyof typeof optionNames]
    if (value !== undefined) options[name] = value
  }
  if (section.auth === undefined && section.auth_header !== undefined) options['auth'] = 'header'
  return options
}
