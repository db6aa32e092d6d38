import { GatewayError } from '../../protocol/model/error.ts'
import type { ProviderSettings } from '../provider.ts'
import { type Argument, parseArgument } from './arguments.ts'

/** Settings of one `process` provider, checked. */
export interface ProcessSettings {
  program: string
  arguments: readonly Argument[]
  cwd?: string
  /** Names of variables the child may see besides PATH, HOME and LANG. */
  variables: readonly string[]
  input: 'prompt' | 'messages-json'
  output: 'text' | 'jsonl'
  /** From the start of the process to its end; also the longest wait for a free place. */
  timeoutMs: number
  maxOutputBytes: number
  concurrency: number
}

const defaults = { timeoutMs: 300_000, maxOutputBytes: 16 * 1024 * 1024, concurrency: 4 } as const

const parsed = new WeakMap<object, ProcessSettings>()

/** Checked once for each configuration; throws `internal` with the member that is wrong. */
export function processSettings(settings: ProviderSettings): ProcessSettings {
  const known = parsed.get(settings.options)
  if (known) return known
  const read = readSettings(settings.options)
  parsed.set(settings.options, read)
  return read
}

function fault(member: string, expected: string): GatewayError {
  return new GatewayError('internal', `${member}: expected ${expected}; correct it in the configuration`)
}

type Options = ProviderSettings['options']

function readSettings(options: Options): ProcessSettings {
  const [program, ...rest] = texts(
    options['command'],
    'command',
    'a list of texts: the program and its arguments',
  )
  if (program === undefined || program === '' || program.includes('{'))
    throw fault('command', 'the program first, without placeholders')
  const cwd = options['cwd']
  if (cwd !== undefined && typeof cwd !== 'string') throw fault('cwd', 'the path of a folder')
  return {
    program,
    arguments: rest.map((text) => parseArgument(text)),
    ...(cwd === undefined ? {} : { cwd }),
    variables:
      options['env'] === undefined ? [] : texts(options['env'], 'env', 'a list of names of variables'),
    input: oneOf(options, 'input', ['prompt', 'messages-json']),
    output: oneOf(options, 'output', ['text', 'jsonl']),
    timeoutMs: count(options, 'timeoutMs', 'timeout_ms'),
    maxOutputBytes: count(options, 'maxOutputBytes', 'max_output_bytes'),
    concurrency: count(options, 'concurrency', 'concurrency'),
  }
}

function texts(value: unknown, member: string, expected: string): string[] {
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value
  throw fault(member, expected)
}

function oneOf<T extends string>(options: Options, member: string, allowed: readonly [T, ...T[]]): T {
  const value = options[member] ?? allowed[0]
  const found = allowed.find((word) => word === value)
  if (found) return found
  throw fault(member, allowed.map((word) => `"${word}"`).join(' or '))
}

function count(options: Options, option: keyof typeof defaults, member: string): number {
  const value = options[option] ?? defaults[option]
  if (typeof value === 'number' && Number.isInteger(value) && value > 0) return value
  throw fault(member, 'a whole number above 0')
}
