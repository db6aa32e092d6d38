import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { AnswerEvent } from '../../src/protocol/model/event.ts'
import { Fold } from '../../src/protocol/model/fold.ts'
import type { ChatRequest } from '../../src/protocol/model/request.ts'
import { newChild } from '../../src/providers/process/child.ts'
import { createProcessProvider } from '../../src/providers/process/provider.ts'
import type { LocalCall } from '../../src/providers/provider.ts'
import { settingsFor } from './settings.ts'

/** The gateway's own environment in these tests: one variable is a secret no child may see. */
export const environment = {
  PATH: process.env['PATH'],
  HOME: '/tmp',
  LANG: 'C.UTF-8',
  XJP_TEST_SECRET: 'sk-never-in-a-child-0123456789',
  XJP_TEST_SHARED: 'shared-value-0123456789',
}

export const provider = createProcessProvider({ newChild, environment })

export interface CallChanges {
  prompt?: string
  model?: string
  options?: Record<string, unknown>
  request?: Partial<ChatRequest>
  signal?: AbortSignal
  name?: string
}

export function callOf(command: readonly string[], changes: CallChanges = {}): LocalCall {
  const { prompt = 'hi', model = 'm', options = {}, request = {}, name = randomUUID() } = changes
  return {
    model,
    request: {
      model,
      stream: true,
      messages: [{ role: 'user', content: [{ type: 'text', text: prompt }] }],
      ...request,
    },
    settings: settingsFor({ name, options: { command, ...options } }),
    signal: changes.signal ?? new AbortController().signal,
    newId: () => randomUUID().replaceAll('-', '').slice(0, 24),
    now: 1,
  }
}

export interface Result {
  text: string
  events: AnswerEvent[]
  fold: Fold
  milliseconds: number
}

/** Runs one call to its end. */
export async function run(command: readonly string[], changes: CallChanges = {}): Promise<Result> {
  const started = performance.now()
  const events: AnswerEvent[] = []
  for await (const batch of provider.open(callOf(command, changes))) events.push(...batch)
  const fold = new Fold()
  fold.push(events)
  const blocks = fold.answer.candidates.flatMap(({ blocks }) => blocks)
  const text = blocks.map((block) => (block.type === 'text' ? block.text : '')).join('')
  return { text, events, fold, milliseconds: performance.now() - started }
}

/** Whether a process runs; one that has ended and waits to be collected by init does not. */
export function isAlive(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'latin1'))
  } catch {
    return false
  }
}

/** Waits until `happened`, at most `milliseconds`; the answer is whether it did. */
export async function within(
  milliseconds: number,
  happened: () => boolean | Promise<boolean>,
): Promise<boolean> {
  const end = performance.now() + milliseconds
  while (performance.now() < end) {
    if (await happened()) return true
    await Bun.sleep(10)
  }
  return happened()
}
