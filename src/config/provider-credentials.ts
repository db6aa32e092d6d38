import type { HttpProvider, Provider } from '../providers/provider.ts'
import type { Path } from './place.ts'
import type { ProviderSection } from './schema-provider.ts'
import type { ConfiguredCredential, ConfiguredProvider } from './snapshot.ts'

type CredentialSection = NonNullable<ProviderSection['credentials']>[number]

const NAME = 'a name that no other credential of the provider has'

/** What lets a provider in; a section has one of them, or several credentials with one each. */
const means = ['api_key', 'access_token', 'service_account_file'] as const

export interface CredentialFault {
  /** Below the section. */
  at: Path
  expected: string
}

/** The name of a credential in logs and metrics: its own, else its place in the list. */
function credentialName({ name }: CredentialSection, index: number): string {
  return name ?? String(index + 1)
}

/** What is wrong with a section's credentials, with the rest of the path below the section. */
export function credentialFaults(section: ProviderSection, provider: Provider): CredentialFault[] {
  const { credentials } = section
  if (credentials === undefined || provider.kind !== 'http') return []
  const beside = means.filter((member) => section[member] !== undefined)
  const names = new Set<string>()
  return [
    ...beside.map((member) => ({ at: [member], expected: `either ${member} or credentials, not both` })),
    ...credentials.flatMap((credential, index) => {
      const name = credentialName(credential, index)
      const isTwice = names.has(name)
      names.add(name)
      return [
        ...(isTwice ? [fault(index, credential.name && 'name', NAME)] : []),
        ...meansFaults(credential, index, provider),
      ]
    }),
  ]
}

function meansFaults(
  credential: CredentialSection,
  index: number,
  provider: HttpProvider,
): CredentialFault[] {
  const given = means.filter((member) => credential[member] !== undefined)
  const oauth = given.filter((member) => member !== 'api_key')
  if (oauth[0] !== undefined && provider.environment.accessToken === undefined)
    return [fault(index, oauth[0], `no ${oauth[0]} for "${provider.id}": it takes only keys`)]
  if (given.length === 1) return []
  return [fault(index, given[1], `one of ${means.join(', ')}`)]
}

/** `member` absent: the fault is that something is not there. */
function fault(
  index: number,
  member: keyof CredentialSection | '' | undefined,
  expected: string,
): CredentialFault {
  return { at: ['credentials', index, ...(member ? [member] : [])], expected }
}

/** The credentials of a section, each with what it says in place of the section's own settings. */
export function credentialsOf(
  section: ProviderSection,
  options: Readonly<Record<string, unknown>>,
): ConfiguredCredential[] | undefined {
  return section.credentials?.map((credential, index) => {
    const { api_key, access_token, service_account_file, concurrency } = credential
    const project = credential.project ?? section.project
    return {
      name: credentialName(credential, index),
      ...(concurrency === undefined ? {} : { concurrency }),
      settings: {
        ...(api_key === undefined ? {} : { apiKey: api_key }),
        ...(access_token === undefined ? {} : { accessToken: access_token }),
        ...(project === undefined ? {} : { project }),
        options:
          service_account_file === undefined
            ? options
            : { ...options, serviceAccountFile: service_account_file },
      },
    }
  })
}

/** A provider's settings with one of its credentials, and nothing of the others. */
export function withCredential(
  { apiKey: _, accessToken: __, project: ___, ...settings }: ConfiguredProvider,
  credential: ConfiguredCredential,
): ConfiguredProvider {
  return { ...settings, ...credential.settings }
}
