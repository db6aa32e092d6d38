import { GatewayError } from '../../model/error.ts'
import { isObject, type Json, type JsonObject } from '../../model/json.ts'
import type { WirePartialArgument } from './wire.ts'

/** Lists longer than this are no arguments a model wrote, but a broken index. */
const LARGEST_INDEX = 100_000

type Container = JsonObject | Json[]

/**
 * Assembles the arguments of one streamed call (protocol.md §1.4, `streamFunctionCallArguments`): each piece names
 * its place by a JSON path; a string whose piece says `willContinue` is continued by the next piece at that path.
 */
export class PartialArguments {
  #root: JsonObject = {}
  #continued: string | undefined

  get json(): string {
    return JSON.stringify(this.#root)
  }

  replace(whole: JsonObject): void {
    this.#root = whole
  }

  add(pieces: readonly WirePartialArgument[]): void {
    for (const piece of pieces) this.#one(piece)
  }

  #one(piece: WirePartialArgument): void {
    const path = piece.jsonPath ?? '$'
    const steps = stepsOf(path)
    const value = pieceValue(piece)
    if (value === undefined) return
    const last = steps.pop()
    if (last === undefined) {
      if (isObject(value)) this.#root = value
      return
    }
    const holder = descend(this.#root, steps, last)
    const before = read(holder, last)
    const appended = typeof value === 'string' && typeof before === 'string' && this.#continued === path
    write(holder, last, appended ? before + value : value)
    this.#continued = piece.willContinue === true ? path : undefined
  }
}

const valueMembers = ['stringValue', 'numberValue', 'boolValue', 'structValue', 'listValue'] as const

function pieceValue(piece: WirePartialArgument): Json | undefined {
  if ('nullValue' in piece) return null
  for (const member of valueMembers) if (piece[member] !== undefined) return piece[member]
  return undefined
}

const STEP = /\.([^.[\]]+)|\[(\d+)\]|\['((?:[^'\\]|\\.)*)'\]|\["((?:[^"\\]|\\.)*)"\]/y

/** `$.a[0]['b c']` → `['a', 0, 'b c']`. */
function stepsOf(path: string): (string | number)[] {
  const steps: (string | number)[] = []
  let at = path.startsWith('$') ? 1 : 0
  const text = at === 1 ? path : `.${path}`
  while (at < text.length) {
    STEP.lastIndex = at
    const found = STEP.exec(text)
    if (!found) throw unreadable(path)
    const [whole, name, index, single, double] = found
    if (index !== undefined) {
      if (Number(index) > LARGEST_INDEX) throw unreadable(path)
      steps.push(Number(index))
    } else steps.push(name ?? (single ?? double ?? '').replace(/\\(.)/g, '$1'))
    at += whole.length
  }
  return steps
}

function unreadable(path: string): GatewayError {
  return new GatewayError(
    'upstream_invalid',
    `the upstream sent a tool argument at ${JSON.stringify(path.slice(0, 80))}, which is no place in JSON`,
  )
}

/** The container that holds `last`, made on the way where it is missing. */
function descend(root: JsonObject, steps: readonly (string | number)[], last: string | number): Container {
  let holder: Container = root
  steps.forEach((step, index) => {
    const next = steps[index + 1] ?? last
    const child = read(holder, step)
    if (typeof child === 'object' && child !== null) holder = child
    else {
      const made: Container = typeof next === 'number' ? [] : {}
      write(holder, step, made)
      holder = made
    }
  })
  return holder
}

function read(holder: Container, step: string | number): Json | undefined {
  if (Array.isArray(holder)) return typeof step === 'number' ? holder[step] : undefined
  return Object.hasOwn(holder, step) ? holder[step] : undefined
}

/** Never through a setter: `__proto__` is an ordinary argument name here. */
function write(holder: Container, step: string | number, value: Json): void {
  if (!Array.isArray(holder)) {
    Object.defineProperty(holder, step, { value, writable: true, enumerable: true, configurable: true })
    return
  }
  if (typeof step !== 'number') return
  while (holder.length < step) holder.push(null)
  holder[step] = value
}
