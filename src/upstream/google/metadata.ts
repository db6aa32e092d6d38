import { callService, type GoogleOutside, type Grant, oauthGrant } from './outside.ts'

const flavor = { 'metadata-flavor': 'Google' } as const
/** The server stands on the same machine: when it does not answer soon there is none. */
const patienceMs = 2_000

/** A token of the machine's own service account (Compute Engine, GKE, Cloud Run). */
export async function metadataGrant(outside: GoogleOutside): Promise<Grant> {
  const host = outside.environment['GCE_METADATA_HOST'] || 'metadata.google.internal'
  const root = `http://${host}/computeMetadata/v1`
  const get = (path: string) =>
    callService(
      outside,
      'the metadata server',
      `${root}/${path}`,
      { method: 'GET', headers: flavor },
      patienceMs,
    )
  const [answer, project] = await Promise.all([
    get('instance/service-accounts/default/token'),
    // Without a project the region's address cannot be built, but a configured one will do.
    get('project/project-id').catch(() => undefined),
  ])
  const grant = oauthGrant(outside, 'the metadata server', answer)
  return typeof project === 'string' && project !== '' ? { ...grant, project } : grant
}
