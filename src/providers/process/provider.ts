import { GatewayError } from '../../protocol/model/error.ts'
import type { LocalCall, LocalProvider } from '../provider.ts'
import { fillArguments } from './arguments.ts'
import type { NewChild } from './child.ts'
import { processLosses, standardInput } from './prompt.ts'
import { runChild } from './run.ts'
import { type ProcessSettings, processSettings } from './settings.ts'
import { Slots } from './slots.ts'

/** What the provider needs of the machine. */
export interface ProcessMachine {
  newChild: NewChild
  /** The gateway's own variables: only named ones are passed on. */
  environment: Readonly<Record<string, string | undefined>>
}

/** Variables every program needs; all others must be named in `env`. */
const alwaysAllowed = ['PATH', 'HOME', 'LANG']

/** Calls that may wait for each place. */
const waitingPerPlace = 16

export function createProcessProvider(machine: ProcessMachine): LocalProvider {
  /** By provider name and number of places: a reload that changes the number begins with empty places. */
  const slots = new Map<string, Slots>()
  return {
    kind: 'local',
    id: 'process',
    displayName: 'Process',
    aliases: ['command', 'local-process'],
    losses: (request, settings) => processLosses(request, processSettings(settings)).list,
    async *open(call) {
      const settings = processSettings(call.settings)
      const command = [settings.program, ...fillArguments(settings.arguments, valuesOf(call))]
      refuseLosses(call, settings)
      const free = await slotsOf(slots, call.settings.name, settings).take(settings.timeoutMs, call.signal)
      try {
        const environment = allowed(machine.environment, settings)
        const input = standardInput(call.request, call.model, settings)
        yield* runChild({ call, settings, command, environment, input, newChild: machine.newChild })
      } finally {
        free()
      }
    },
  }
}

function slotsOf(known: Map<string, Slots>, name: string, { concurrency }: ProcessSettings): Slots {
  const key = `${name}\n${concurrency}`
  let slots = known.get(key)
  if (!slots) known.set(key, (slots = new Slots(concurrency, concurrency * waitingPerPlace)))
  return slots
}

function valuesOf({ model, request }: LocalCall) {
  return {
    model,
    max_tokens: request.maxOutputTokens?.toString(),
    temperature: request.temperature?.toString(),
  }
}

function refuseLosses({ request }: LocalCall, settings: ProcessSettings): void {
  const fatal = processLosses(request, settings).list.find(({ essential }) => essential)
  if (fatal) throw new GatewayError('unsupported', `${fatal.path}: ${fatal.why}`, { param: fatal.path })
}

function allowed(
  environment: ProcessMachine['environment'],
  settings: ProcessSettings,
): Record<string, string> {
  const passed: Record<string, string> = {}
  for (const name of [...alwaysAllowed, ...settings.variables]) {
    const value = environment[name]
    if (value !== undefined) passed[name] = value
  }
  return passed
}
