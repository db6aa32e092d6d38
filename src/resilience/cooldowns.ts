import { GatewayError } from '../protocol/model/error.ts'

/** However long an upstream wants to be left alone: then it is asked again, and may say so again. */
export const LONGEST_COOLDOWN_MILLISECONDS = 300_000
/** A cool-down that another would make longer by no more than this is not told again. */
export const UNTOLD_MILLISECONDS = 100
export const MAXIMUM_COOLDOWNS = 1_000
const MAXIMUM_BODY_CHARACTERS = 4_096
const MAXIMUM_MESSAGE_CHARACTERS = 2_000

/** What is left alone: a credential of a provider, for one model or (without `model`) altogether. */
export interface CooledPlace {
  /** Name of the provider in the configuration. */
  provider: string
  credential?: string
  /** The upstream's own name. */
  model?: string
  region?: string
  project?: string
}

export interface Cooldown {
  place: CooledPlace
  /** On the clock that never goes back. */
  until: number
  /** Until when the others were told. */
  toldUntil: number
  error: GatewayError
}

export function nameOf({ provider, credential, model, region, project }: CooledPlace): string {
  return JSON.stringify([provider, credential, model, region, project])
}

/** Who is left alone until when, and with which error it asked for that. Of two times the longer one holds. */
export class Cooldowns {
  readonly #byName = new Map<string, Cooldown>()

  /** Gives the cool-down when others should hear of it: it is new, or noticeably longer than they know. */
  add(place: CooledPlace, milliseconds: number, error: GatewayError, at: number): Cooldown | undefined {
    const until = at + Math.min(milliseconds, LONGEST_COOLDOWN_MILLISECONDS)
    const name = nameOf(place)
    const known = this.find(name, at)
    if (known === undefined) {
      const cooldown = { place, until, toldUntil: until, error: remembered(error) }
      if (this.#byName.size >= MAXIMUM_COOLDOWNS) this.#makeRoom(at)
      this.#byName.set(name, cooldown)
      return cooldown
    }
    if (until <= known.until) return undefined
    known.until = until
    known.error = remembered(error)
    if (until - known.toldUntil <= UNTOLD_MILLISECONDS) return undefined
    known.toldUntil = until
    return known
  }

  /** Undefined once it is over. */
  find(name: string, at: number): Cooldown | undefined {
    if (this.#byName.size === 0) return undefined
    const found = this.#byName.get(name)
    if (found === undefined || at < found.until) return found
    this.#byName.delete(name)
    return undefined
  }

  all(at: number): Cooldown[] {
    this.#dropOver(at)
    return [...this.#byName.values()]
  }

  #dropOver(at: number): void {
    for (const [name, { until }] of this.#byName) if (until <= at) this.#byName.delete(name)
  }

  /** What would end first goes first. */
  #makeRoom(at: number): void {
    this.#dropOver(at)
    if (this.#byName.size < MAXIMUM_COOLDOWNS) return
    const [first] = [...this.#byName].sort(([, one], [, other]) => one.until - other.until)
    if (first) this.#byName.delete(first[0])
  }
}

/** What of an error is kept for those who come meanwhile: bodies can be large, causes are for the log. */
function remembered({ kind, message, details }: GatewayError): GatewayError {
  const { cause: _, upstream, ...rest } = details
  const isSmall = upstream !== undefined && upstream.body.length <= MAXIMUM_BODY_CHARACTERS
  return new GatewayError(kind, message.slice(0, MAXIMUM_MESSAGE_CHARACTERS), {
    ...rest,
    ...(isSmall ? { upstream } : {}),
  })
}

/** The error again, with what is left to wait. */
export function again({ kind, message, details }: GatewayError, milliseconds: number): GatewayError {
  return new GatewayError(kind, message, { ...details, retryAfterSeconds: milliseconds / 1_000 })
}
