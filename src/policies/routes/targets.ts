import { withCredential } from '../../config/provider-credentials.ts'
import type { ConfiguredProvider, ModelEntry, Route, Snapshot } from '../../config/snapshot.ts'
import { publicName, routeName, type Target } from '../../pipeline/target.ts'
import { GatewayError } from '../../protocol/model/error.ts'
import { capabilitiesOf } from '../../providers/capabilities.ts'
import { findProvider } from '../../providers/list.ts'
import type { Provider } from '../../providers/provider.ts'

/** The targets of a model, one a route, in the order of the configuration. */
export function targetsFor(snapshot: Snapshot, entry: ModelEntry): Target[] {
  return entry.routes.map((wanted) => {
    const settings = snapshot.providers[wanted.provider]
    const provider = settings && findProvider(settings.type)
    if (!settings || !provider)
      throw new GatewayError(
        'internal',
        `The route of ${entry.name} names the provider ${wanted.provider}, which is not configured`,
      )
    return withSiblings(settings, (own) => targetOf(entry, wanted, provider, own))
  })
}

/** A target with the first of the provider's credentials, and with all of them behind it where there are several. */
function withSiblings(
  settings: ConfiguredProvider,
  targetWith: (settings: ConfiguredProvider) => Target,
): Target {
  const { credentials = [] } = settings
  const siblings = credentials.map((credential): Target => {
    const { name, concurrency } = credential
    return {
      ...targetWith(withCredential(settings, credential)),
      credential: { name, ...(concurrency === undefined ? {} : { concurrency }) },
    }
  })
  if (siblings.length > 1) for (const target of siblings) target.siblings = siblings
  return siblings[0] ?? targetWith(settings)
}

function targetOf(
  entry: ModelEntry,
  wanted: Route,
  provider: Provider,
  configured: ConfiguredProvider,
): Target {
  const { credentials: _, ...own } = configured
  const settings = {
    ...own,
    project: wanted.project ?? own.project,
    region: wanted.region ?? own.region,
  }
  const dialect = provider.kind === 'http' ? provider.dialect(wanted.model, settings) : undefined
  return {
    provider,
    settings,
    model: wanted.model,
    label: `${settings.name}/${wanted.model}`,
    dialect,
    capabilities: capabilitiesOf(
      provider.id,
      dialect ?? 'chat-completions',
      wanted.model,
      wanted.capabilities,
    ),
    timeouts: wanted.timeouts,
    retry: wanted.retry,
    route: routeName(entry, wanted),
    publicModel: publicName(entry),
    weight: wanted.weight ?? 1,
    ...(wanted.circuit === undefined ? {} : { circuit: wanted.circuit }),
    ...(wanted.when === undefined ? {} : { when: wanted.when }),
  }
}
