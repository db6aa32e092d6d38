import type { Socket } from 'node:net'
import type { Fault } from '../fault/fault.ts'
import { bytesOf, type Reply, type Wire, wireOf } from './reply.ts'

/** Knows whether the client is still there. */
export interface Presence {
  readonly left: boolean
  /** Resolves when the client leaves. */
  readonly whenLeft: Promise<void>
}

export interface Delivery {
  /** Bytes handed to the connection, header block included. */
  bytesSent: number
  /** Output tokens of the parts that were sent whole. */
  produced: number
  /** False when a fault or the client ended it early. */
  isComplete: boolean
  /** False when the connection is gone or must go. */
  keepAlive: boolean
}

/** Waits, but not longer than the client stays. */
export async function pause(ms: number, presence: Presence): Promise<void> {
  if (ms === Number.POSITIVE_INFINITY) return presence.whenLeft
  let timer: ReturnType<typeof setTimeout> | undefined
  const timeout = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([timeout, presence.whenLeft])
  clearTimeout(timer)
}

async function write(socket: Socket, bytes: Uint8Array, presence: Presence): Promise<void> {
  if (presence.left || bytes.length === 0) return
  if (socket.write(bytes)) return
  await Promise.race([
    new Promise<void>((resolve) => socket.once('drain', () => resolve())),
    presence.whenLeft,
  ])
}

/** A small generator with a seed (mulberry32), so that random splits are the same in every run. */
export function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

function splitOffsets(fault: Fault, length: number): number[] {
  if (fault.split === undefined) return []
  if (fault.split === 'bytes') return Array.from({ length }, (_, index) => index)
  const { seed, most } = fault.split
  const next = random(seed)
  const found: number[] = []
  for (let place = 0; place < length; place += 1 + Math.floor(next() * most)) found.push(place)
  return found
}

function offset(wire: Wire, place: { at: number; of?: 'body' | 'wire' }): number {
  return Math.min(place.of === 'wire' ? place.at : wire.offsetOf(place.at), wire.bytes.length)
}

/** Where writing pauses or ends, by wire offset. */
function boundaries(wire: Wire, fault: Fault, stop: number): { at: number; waitMs: number; turn: boolean }[] {
  const found = new Map<number, { waitMs: number; turn: boolean }>()
  const add = (at: number, waitMs: number, turn: boolean): void => {
    const known = found.get(at) ?? { waitMs: 0, turn: false }
    found.set(at, { waitMs: known.waitMs + waitMs, turn: known.turn || turn })
  }
  for (const at of splitOffsets(fault, wire.bytes.length)) add(at, 0, true)
  for (const stall of fault.stalls ?? []) add(offset(wire, stall), stall.ms, false)
  const starts = [wire.bodyStart, ...wire.partEnds.slice(0, -1)]
  for (const at of starts) add(at, fault.paceMs ?? 0, false)
  add(stop, 0, false)
  return [...found]
    .map(([at, what]) => ({ at, ...what }))
    .filter((one) => one.at <= stop)
    .sort((a, b) => a.at - b.at)
}

async function endlessly(socket: Socket, text: string, presence: Presence): Promise<number> {
  const block = bytesOf(text.repeat(Math.ceil(65_536 / text.length)))
  let sent = 0
  while (!presence.left) {
    await write(socket, block, presence)
    sent += block.length
    await new Promise((resolve) => setImmediate(resolve))
  }
  return sent
}

/** Ends a connection. A reset waits a moment so that what was written before it arrives. */
async function end(socket: Socket, how: 'fin' | 'rst', presence: Presence): Promise<void> {
  if (how === 'fin') {
    socket.end()
    return
  }
  await new Promise<void>((resolve) => socket.write(new Uint8Array(), () => resolve()))
  await pause(2, presence)
  socket.resetAndDestroy()
}

/** Writes an answer the way the fault says. */
export async function deliver(
  socket: Socket,
  reply: Reply,
  fault: Fault,
  presence: Presence,
): Promise<Delivery> {
  for (let index = 0; index < (fault.informational ?? 0); index += 1)
    await write(socket, bytesOf('HTTP/1.1 103 Early Hints\r\nlink: </rig>; rel=preload\r\n\r\n'), presence)
  const wire = wireOf(reply, fault.lengthError)
  if (fault.endless?.where === 'headers') {
    const open = wire.bytes.subarray(0, wire.bodyStart - 2)
    await write(socket, open, presence)
    const sent = await endlessly(socket, fault.endless.text, presence)
    return { bytesSent: open.length + sent, produced: 0, isComplete: false, keepAlive: false }
  }
  const stop = fault.cut === undefined ? wire.bytes.length : offset(wire, fault.cut)
  let sent = 0
  for (const boundary of boundaries(wire, fault, stop)) {
    if (presence.left) break
    await write(socket, wire.bytes.subarray(sent, boundary.at), presence)
    sent = boundary.at
    if (boundary.waitMs > 0) await pause(boundary.waitMs, presence)
    else if (boundary.turn) await new Promise((resolve) => setImmediate(resolve))
  }
  const whole = wire.partEnds.filter((partEnd) => partEnd <= sent).length
  const delivery = {
    bytesSent: sent,
    produced: reply.produced[whole - 1] ?? 0,
    isComplete: sent === wire.bytes.length && !presence.left,
    keepAlive: reply.framing !== 'close' && fault.cut === undefined,
  }
  if (fault.endless?.where === 'body') {
    const more = await endlessly(socket, fault.endless.text, presence)
    return { ...delivery, bytesSent: sent + more, isComplete: false, keepAlive: false }
  }
  if (!presence.left && fault.cut !== undefined) await end(socket, fault.cut.how, presence)
  else if (!presence.left && reply.framing === 'close') socket.end()
  return delivery
}
