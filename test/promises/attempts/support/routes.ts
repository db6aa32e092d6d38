import type { Failure } from '../../../rig/scene/performance.ts'
import { customFault } from '../../support/custom-fault.ts'

export interface RouteWish {
  provider: string
  model: string
  /** Further members of the route, as TOML. */
  more?: string
}

/** A model with any number of routes, as TOML; `more` are members of the model. */
export function routesToml(name: string, routes: readonly RouteWish[], more = ''): string {
  const listed = routes.map(
    (route) =>
      `[[models."${name}".routes]]\nprovider = "${route.provider}"\nprovider_model_id = "${route.model}"\n${route.more ?? ''}\n`,
  )
  return `[models."${name}"]\n${more}\n${listed.join('')}`
}

/** Where the machine is busy with other things too, a test is not about the gateway's own load. */
export const UNSHED = '[limits]\nmax_delay_ms = 0\n'

/** No circuit stands in the way of what a test repeats. */
export const UNBOUNDED = `[circuit]\nenabled = false\n${UNSHED}`

/** A mark for the user's text that makes one vendor fail like this before its answer. */
export function failingMark(vendor: string, failure: Omit<Failure, 'message'>): string {
  const fault = customFault({
    play: (performance) => ({
      ...performance,
      failure: { when: 'before', message: `no luck at ${vendor}`, ...failure },
    }),
  })
  return fault.replace('[fault:', `[${vendor}-fault:`)
}

let serial = 0

/** A word that is in one request only. */
export function newWord(): string {
  serial += 1
  return `word-${String(serial).padStart(6, '0')}-end`
}

/** The word of `newWord` that is in a text. */
export function wordIn(text: string): string {
  return /word-\d{6}-end/.exec(text)?.[0] ?? ''
}
