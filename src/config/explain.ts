import { GatewayError } from '../protocol/model/error.ts'
import type { Provider } from '../providers/provider.ts'
import { isAllowed } from './resolve.ts'
import type { Route, Snapshot } from './snapshot.ts'

/** One route as a request would take it. */
export interface ExplainedRoute {
  provider: string
  type: string
  model: string
  /** The protocol spoken there; absent for providers inside the machine. */
  dialect?: string
  /** Where it is called, without a query; absent for providers inside the machine. */
  url?: string
  /** Why it could not be called as it is configured. */
  fault?: string
  region?: string
  project?: string
  timeouts: Route['timeouts']
}

export interface Explanation {
  model: string
  served: boolean
  /** One sentence: which rule decided. */
  reason: string
  routes: ExplainedRoute[]
  /** Served names close to one that is not. */
  nearest: string[]
  defaults: { temperature?: number; maxOutputTokens?: number }
}

/** Which route a request for this model would take, and why. */
export function explain(snapshot: Snapshot, model: string, providers: readonly Provider[]): Explanation {
  const entry = snapshot.resolve(model)
  return {
    model,
    served: entry !== undefined,
    reason: reasonOf(snapshot, model, entry !== undefined),
    routes: (entry?.routes ?? []).map((route) => explainRoute(snapshot, route, providers)),
    nearest: entry === undefined ? snapshot.nearest(model) : [],
    defaults: { ...entry?.defaults },
  }
}

function reasonOf(snapshot: Snapshot, model: string, isServed: boolean): string {
  const { allow, block, defaultProvider, passthrough } = snapshot.modelList
  const where = snapshot.file ?? 'the environment'
  if (!isAllowed(model, { allow: [], block })) return `the blocklist of ${where} has it`
  if (!isAllowed(model, { allow, block: [] })) return `the allowlist of ${where} does not have it`
  if (snapshot.models.has(model)) return `${where} names it`
  if (defaultProvider !== undefined)
    return `${where} does not name it, so it goes to ${defaultProvider} under its own name`
  if (isServed)
    return `${model.slice(0, model.indexOf('/'))} is a provider of ${where}, so the rest is its model`
  if (passthrough.length === 0) return `${where} does not name it, and provider/model names are not served`
  return `${where} does not name it; provider/model names are served for ${passthrough.join(', ')}`
}

function explainRoute(snapshot: Snapshot, route: Route, providers: readonly Provider[]): ExplainedRoute {
  const settings = snapshot.providers[route.provider]
  const { provider, model, region, project, timeouts } = route
  const explained: ExplainedRoute = {
    provider,
    type: settings?.type ?? 'unknown',
    model,
    ...(region === undefined ? {} : { region }),
    ...(project === undefined ? {} : { project }),
    timeouts,
  }
  const kind = providers.find(({ id }) => id === settings?.type)
  if (settings === undefined || kind?.kind !== 'http') return explained
  const merged = { ...settings, region: region ?? settings.region, project: project ?? settings.project }
  try {
    explained.dialect = kind.dialect(model, merged)
    const url = kind.place('generate', model, merged)?.url
    if (url !== undefined) explained.url = url.replace(/\?.*$/, '')
  } catch (error) {
    if (!(error instanceof GatewayError)) throw error
    explained.fault = error.message
  }
  return explained
}

/** An explanation for a person to read; ends with a newline. */
export function explanationText(explanation: Explanation): string {
  const { model, served, reason, routes, nearest, defaults } = explanation
  const lines = [`${model} is ${served ? 'served' : 'not served'}: ${reason}`]
  routes.forEach((route, index) => {
    lines.push(`  ${index + 1}. ${route.provider} → ${route.model}`)
    const where = [route.dialect, route.url].filter((part) => part !== undefined).join(' at ')
    if (where !== '') lines.push(`     ${where}`)
    if (route.fault !== undefined) lines.push(`     cannot be called: ${route.fault}`)
    if (route.region !== undefined) lines.push(`     region ${route.region}`)
    if (route.project !== undefined) lines.push(`     project ${route.project}`)
    const { connectMs, firstByteMs, idleMs, totalMs } = route.timeouts
    lines.push(
      `     gives up after ${connectMs} ms to connect, ${firstByteMs} ms to the first byte, ${idleMs} ms of silence, ${totalMs} ms in all`,
    )
  })
  if (defaults.temperature !== undefined)
    lines.push(`  temperature ${defaults.temperature} unless the request has one`)
  if (defaults.maxOutputTokens !== undefined)
    lines.push(`  at most ${defaults.maxOutputTokens} tokens unless the request says otherwise`)
  if (nearest.length > 0) lines.push(`  close to it: ${nearest.join(', ')}`)
  return `${lines.join('\n')}\n`
}
