import type { ExplainedRoute, Explanation } from './explain.ts'
import type { Balance, Sticky } from './snapshot.ts'

/** An explanation for a person to read; ends with a newline. */
export function explanationText(explanation: Explanation): string {
  const { model, served, reason, routes, nearest } = explanation
  const lines = [`${model} is ${served ? 'served' : 'not served'}: ${reason}`]
  lines.push(...choiceLines(explanation))
  const total = routes.reduce((sum, { weight = 0 }) => sum + weight, 0)
  routes.forEach((route, index) => {
    lines.push(`  ${index + 1}. ${route.provider} → ${route.model}`)
    lines.push(...routeLines(route, total).map((line) => `     ${line}`))
  })
  lines.push(...defaultLines(explanation))
  if (nearest.length > 0) lines.push(`  close to it: ${nearest.join(', ')}`)
  return `${lines.join('\n')}\n`
}

const firstRoute: Readonly<Record<Balance, string>> = {
  order: 'the first that is open, in this order',
  weight: 'one drawn by weight, then the others',
  latency: 'the one that lately gave its first content soonest, then the next',
  price: 'the cheapest, then the next (three tokens in for one out)',
}

const conversations: Readonly<Record<Sticky, string>> = {
  session: 'calls of one session stay on one route',
  prefix: 'calls that begin with the same prompt stay on one route',
  either: 'calls of one session, or that begin with the same prompt, stay on one route',
}

function choiceLines({ aliases, balance, sticky, hedge, deadlineMs, routes }: Explanation): string[] {
  const lines: string[] = []
  if (aliases !== undefined) lines.push(`  also called ${aliases.join(', ')}`)
  if (routes.length > 1) lines.push(`  tried: ${firstRoute[balance ?? 'order']}`)
  if (sticky !== undefined && (balance === 'weight' || balance === 'latency'))
    lines.push(`  sticky: ${conversations[sticky]}`)
  if (hedge !== undefined)
    lines.push(
      `  hedge: a second attempt after ${hedge.afterMs} ms without content, for at most ${percent(hedge.budget)} of the calls`,
    )
  if (deadlineMs !== undefined) lines.push(`  the first content must be there within ${deadlineMs} ms`)
  return lines
}

function routeLines(route: ExplainedRoute, totalWeight: number): string[] {
  const {
    dialect,
    url,
    fault,
    region,
    project,
    weight,
    price,
    credentials = [],
    circuit,
    timeouts,
    retry,
  } = route
  const where = [dialect, url].filter((part) => part !== undefined).join(' at ')
  const { connectMs, firstByteMs, idleMs, totalMs } = timeouts
  return [
    where,
    fault === undefined ? '' : `cannot be called: ${fault}`,
    region === undefined ? '' : `region ${region}`,
    project === undefined ? '' : `project ${project}`,
    weight === undefined ? '' : `weight ${weight} of ${totalWeight} (${percent(weight / totalWeight)})`,
    conditionText(route),
    credentials.length === 0 ? '' : `credentials ${credentials.map(credentialText).join(', ')}`,
    price === undefined ? '' : `$${price.input} for a million tokens in, $${price.output} out`,
    circuit === undefined ? '' : circuitText(circuit),
    retry.maxRetries === 0 ? '' : `tried again up to ${retry.maxRetries} times`,
    `gives up after ${connectMs} ms to connect, ${firstByteMs} ms to the first byte, ${idleMs} ms of silence, ${totalMs} ms in all`,
  ].filter((line) => line !== '')
}

function conditionText({ when }: ExplainedRoute): string {
  if (when === undefined) return ''
  const { tenants, tags, stream } = when
  const parts = [
    ...(tenants === undefined ? [] : [`the tenants ${tenants.join(', ')}`]),
    ...Object.entries(tags ?? {}).map(([name, value]) => `keys with the tag ${name}=${value}`),
    ...(stream === undefined ? [] : [stream ? 'streamed calls' : 'calls that are not streamed']),
  ]
  return `only for ${parts.join(' and ')}`
}

function credentialText({ name, concurrency }: { name: string; concurrency?: number }): string {
  return concurrency === undefined ? name : `${name} (at most ${concurrency} calls open)`
}

function circuitText(circuit: NonNullable<ExplainedRoute['circuit']>): string {
  const { failureThreshold, failureSpanMs, failureRate, minimumAttempts, windowMs } = circuit
  const { openMs, probes, successThreshold } = circuit
  const span = failureSpanMs === 0 ? '' : ` over at least ${failureSpanMs} ms`
  return (
    `given a rest of ${openMs} ms after ${failureThreshold} failures in a row${span}, ` +
    `or ${percent(failureRate)} of at least ${minimumAttempts} attempts in ${windowMs} ms; ` +
    `then ${probes} at a time until ${successThreshold} went well`
  )
}

function defaultLines({ defaults: { temperature, maxOutputTokens } }: Explanation): string[] {
  const lines: string[] = []
  if (temperature !== undefined) lines.push(`  temperature ${temperature} unless the request has one`)
  if (maxOutputTokens !== undefined)
    lines.push(`  at most ${maxOutputTokens} tokens unless the request says otherwise`)
  return lines
}

function percent(share: number): string {
  return `${Math.round(share * 1000) / 10} %`
}
