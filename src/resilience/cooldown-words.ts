import { z } from 'zod'
import { errorKinds, GatewayError } from '../protocol/model/error.ts'
import { type CooledPlace, LONGEST_COOLDOWN_MILLISECONDS, UNTOLD_MILLISECONDS } from './cooldowns.ts'

/** Where replicas tell each other of cool-downs. */
export const COOLDOWN_TOPIC = 'cooldown'

const MAXIMUM_CHARACTERS = 65_536

/** A cool-down as one replica tells the others. Times are durations: replicas' clocks need not agree. */
export interface CooldownWord {
  /** The replica that speaks. */
  from: string
  place: CooledPlace
  milliseconds: number
  error: GatewayError
}

const name = z.string().min(1).max(1_000)

const schema = z.object({
  from: name,
  place: z.object({
    provider: name,
    credential: name.optional(),
    model: name.optional(),
    region: name.optional(),
    project: name.optional(),
  }),
  milliseconds: z
    .number()
    .positive()
    .max(LONGEST_COOLDOWN_MILLISECONDS + UNTOLD_MILLISECONDS),
  kind: z.literal(Object.keys(errorKinds) as (keyof typeof errorKinds)[]),
  message: z.string(),
  status: z.int().min(400).max(599).optional(),
  code: z.string().optional(),
  upstream: z
    .object({
      dialect: z.enum(['chat-completions', 'messages', 'responses', 'generate-content']),
      status: z.int().min(100).max(599),
      body: z.string(),
    })
    .optional(),
})

export function write({ from, place, milliseconds, error }: CooldownWord): string {
  const { kind, message, details } = error
  const { status, code, upstream } = details
  return JSON.stringify({ from, place, milliseconds, kind, message, status, code, upstream })
}

/** Undefined for what is no such word: anybody who can reach Redis can speak there. */
export function read(text: string): CooldownWord | undefined {
  if (text.length > MAXIMUM_CHARACTERS) return undefined
  try {
    const { from, place, milliseconds, kind, message, ...details } = schema.parse(JSON.parse(text))
    return { from, place, milliseconds, error: new GatewayError(kind, message, details) }
  } catch {
    return undefined
  }
}
