import { nearest } from '../config/nearest.ts'

export interface Flag {
  /** What the value is called in the help; absent: the flag has none. */
  value?: string
  /** May be given several times. */
  repeats?: boolean
}

export type Flags = Readonly<Record<string, Flag>>

export interface ParsedArguments {
  positional: string[]
  /** All values of a flag; of a flag without a value, one empty text. */
  values: ReadonlyMap<string, readonly string[]>
  has(flag: string): boolean
  /** The value of a flag that is given once at most. */
  text(flag: string): string | undefined
}

/** What is wrong with the arguments, in words; the program ends with 2. */
export class UsageError extends Error {}

/** Reads `--flag value`, `--flag=value` and positional arguments. Throws `UsageError`. */
export function parseArguments(args: readonly string[], flags: Flags): ParsedArguments {
  const positional: string[] = []
  const values = new Map<string, string[]>()
  const rest = [...args]
  for (let argument = rest.shift(); argument !== undefined; argument = rest.shift()) {
    if (argument === '--') {
      positional.push(...rest.splice(0))
    } else if (!argument.startsWith('--')) {
      if (/^-[A-Za-z]/.test(argument)) throw unknownFlag(argument, flags)
      positional.push(argument)
    } else {
      const equals = argument.indexOf('=')
      const name = argument.slice(2, equals === -1 ? undefined : equals)
      const flag = Object.hasOwn(flags, name) ? flags[name] : undefined
      if (flag === undefined) throw unknownFlag(`--${name}`, flags)
      const given = values.get(name) ?? []
      if (given.length > 0 && !flag.repeats) throw new UsageError(`--${name} is given twice`)
      values.set(name, [
        ...given,
        flagValue(name, flag, equals === -1 ? undefined : argument.slice(equals + 1), rest, flags),
      ])
    }
  }
  return {
    positional,
    values,
    has: (flag) => values.has(flag),
    text: (flag) => values.get(flag)?.[0],
  }
}

function flagValue(
  name: string,
  flag: Flag,
  inline: string | undefined,
  rest: string[],
  flags: Flags,
): string {
  if (flag.value === undefined) {
    if (inline !== undefined) throw new UsageError(`--${name} takes no value`)
    return ''
  }
  const value = inline ?? rest.shift()
  const isFlag = inline === undefined && value?.startsWith('--') && Object.hasOwn(flags, value.slice(2))
  if (value === undefined || isFlag) throw new UsageError(`--${name}: expected ${flag.value}`)
  return value
}

function unknownFlag(given: string, flags: Flags): UsageError {
  const [near] = nearest(given.replace(/^-+/, ''), Object.keys(flags))
  return new UsageError(`unknown flag ${given}${near === undefined ? '' : `. Did you mean --${near}?`}`)
}
