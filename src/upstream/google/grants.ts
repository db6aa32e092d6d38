import { GatewayError } from '../../protocol/model/error.ts'
import { isObject, type Json, type JsonObject } from '../../protocol/model/json.ts'
import { signJwt } from './jwt.ts'
import {
  callService,
  cloudScope,
  form,
  formBody,
  type GoogleOutside,
  type Grant,
  oauthGrant,
  refused,
} from './outside.ts'

/** Tokens from each kind of credential file, by its `type`. */
type FileGrant = (outside: GoogleOutside, file: JsonObject) => Promise<Grant>

const googleToken = 'https://oauth2.googleapis.com/token'
const googleUniverse = 'googleapis.com'
const hour = 3_600

function need(object: JsonObject, member: string): string {
  const value = object[member]
  if (typeof value === 'string' && value !== '') return value
  throw refused(`${member}: expected a text in the credentials file`)
}

function optional(object: JsonObject, member: string): string | undefined {
  const value = object[member]
  return typeof value === 'string' && value !== '' ? value : undefined
}

function withProject(grant: Grant, project: string | undefined): Grant {
  return project === undefined ? grant : { ...grant, project }
}

const serviceAccount: FileGrant = async (outside, file) => {
  const url = optional(file, 'token_uri') ?? googleToken
  const issued = Math.floor(outside.now() / 1_000)
  const claims = {
    iss: need(file, 'client_email'),
    scope: cloudScope,
    aud: url,
    iat: issued,
    exp: issued + hour,
  }
  const assertion = await signJwt(claims, need(file, 'private_key'), optional(file, 'private_key_id'))
  const body = formBody({ grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion })
  const service = 'the token service'
  const answer = await callService(outside, service, url, {
    method: 'POST',
    headers: form,
    body,
    secrets: [assertion],
  })
  return withProject(oauthGrant(outside, service, answer), optional(file, 'project_id'))
}

/** What `gcloud auth application-default login` leaves behind. */
const authorizedUser: FileGrant = async (outside, file) => {
  const client_secret = need(file, 'client_secret')
  const refresh_token = need(file, 'refresh_token')
  const body = formBody({
    grant_type: 'refresh_token',
    client_id: need(file, 'client_id'),
    client_secret,
    refresh_token,
  })
  const service = 'the token service'
  const answer = await callService(outside, service, optional(file, 'token_uri') ?? googleToken, {
    method: 'POST',
    headers: form,
    body,
    secrets: [client_secret, refresh_token],
  })
  return withProject(oauthGrant(outside, service, answer), optional(file, 'quota_project_id'))
}

/** Workload identity: another party's token is exchanged for one of Google's. */
const externalAccount: FileGrant = async (outside, file) => {
  const subject = await subjectToken(outside, file['credential_source'])
  const body = formBody({
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    audience: need(file, 'audience'),
    scope: cloudScope,
    requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    subject_token: subject,
    subject_token_type: need(file, 'subject_token_type'),
  })
  const service = 'the security token service'
  const answer = await callService(outside, service, need(file, 'token_url'), {
    method: 'POST',
    headers: form,
    body,
    secrets: [subject],
  })
  const grant = oauthGrant(outside, service, answer)
  const impersonated = optional(file, 'service_account_impersonation_url')
  const final = impersonated === undefined ? grant : await impersonate(outside, impersonated, grant.token)
  return withProject(final, optional(file, 'quota_project_id'))
}

async function subjectToken(outside: GoogleOutside, source: Json | undefined): Promise<string> {
  if (!isObject(source)) throw refused('credential_source: expected an object in the credentials file')
  const path = optional(source, 'file')
  const url = optional(source, 'url')
  if (path === undefined && url === undefined)
    throw refused(
      'credential_source: expected "file" or "url"; other sources (AWS, executables) are not supported',
    )
  const given =
    path === undefined ? await fromUrl(outside, url ?? '', source['headers']) : await fromFile(outside, path)
  return inFormat(given, source['format'])
}

async function fromFile(outside: GoogleOutside, path: string): Promise<Json> {
  const text = await outside.readFile(path)
  if (text === undefined) throw refused(`credential_source.file: there is no file ${path}`)
  return text
}

function fromUrl(outside: GoogleOutside, url: string, headers: Json | undefined): Promise<Json> {
  const texts = isObject(headers)
    ? Object.entries(headers).filter(([, value]) => typeof value === 'string')
    : []
  return callService(outside, 'the source of the subject token', url, {
    method: 'GET',
    headers: Object.fromEntries(texts) as Record<string, string>,
  })
}

function inFormat(given: Json, format: Json | undefined): string {
  const field =
    isObject(format) && format['type'] === 'json' ? need(format, 'subject_token_field_name') : undefined
  const value = field === undefined ? given : memberOf(given, field)
  if (typeof value === 'string' && value.trim() !== '') return value.trim()
  throw refused(
    `credential_source: the subject token is empty${field === undefined ? '' : `, or has no member ${field}`}`,
  )
}

function memberOf(given: Json, field: string): Json | undefined {
  if (isObject(given)) return given[field]
  try {
    const parsed: unknown = typeof given === 'string' ? JSON.parse(given) : undefined
    return isObject(parsed) ? parsed[field] : undefined
  } catch {
    return undefined
  }
}

/** A service account's token for another identity that may act as it. */
async function impersonate(outside: GoogleOutside, url: string, token: string): Promise<Grant> {
  const answer = await callService(outside, 'the impersonation service', url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify({ scope: [cloudScope] }),
    secrets: [token],
  })
  const { accessToken, expireTime } = isObject(answer) ? answer : {}
  const expiresAt = typeof expireTime === 'string' ? Date.parse(expireTime) : Number.NaN
  if (typeof accessToken === 'string' && !Number.isNaN(expiresAt)) return { token: accessToken, expiresAt }
  throw new GatewayError(
    'upstream_failed',
    'Google credentials: the impersonation service answered without a token',
  )
}

const impersonatedServiceAccount: FileGrant = async (outside, file) => {
  const source = file['source_credentials']
  if (!isObject(source)) throw refused('source_credentials: expected an object in the credentials file')
  const grant = await grantOfFile(outside, source)
  return withProject(
    await impersonate(outside, need(file, 'service_account_impersonation_url'), grant.token),
    optional(file, 'quota_project_id'),
  )
}

const kinds: Readonly<Record<string, FileGrant>> = {
  service_account: serviceAccount,
  authorized_user: authorizedUser,
  external_account: externalAccount,
  impersonated_service_account: impersonatedServiceAccount,
}

/** A fresh token from the content of a credentials file. */
export function grantOfFile(outside: GoogleOutside, file: JsonObject): Promise<Grant> {
  const universe = optional(file, 'universe_domain') ?? googleUniverse
  if (universe !== googleUniverse)
    throw refused(`universe_domain: only ${googleUniverse} is supported, not ${universe}`)
  const type = optional(file, 'type')
  const grant = type === undefined ? undefined : kinds[type]
  if (grant) return grant(outside, file)
  throw refused(`type: expected one of ${Object.keys(kinds).join(', ')} in the credentials file`)
}
