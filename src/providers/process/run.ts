import type { Outcome } from '../../platform/spawn.ts'
import { GatewayError } from '../../protocol/model/error.ts'
import type { AnswerEvent } from '../../protocol/model/event.ts'
import { estimateTextTokens } from '../estimate.ts'
import type { LocalCall } from '../provider.ts'
import type { NewChild } from './child.ts'
import { graceMs, Limits } from './limits.ts'
import { JsonLinesOutput, type OutputReader, TextOutput } from './output.ts'
import { OutputPipe } from './read.ts'
import { scrub } from './scrub.ts'
import type { ProcessSettings } from './settings.ts'
import { Tail } from './tail.ts'

export interface Run {
  call: LocalCall
  settings: ProcessSettings
  command: readonly string[]
  environment: Readonly<Record<string, string>>
  input: string
  newChild: NewChild
}

/** How long the rest of its standard error is waited for when it failed. */
const lastWordsMs = 250

/**
 * Runs one command: one batch of events a read. However it is left, the whole process group is ended, and it
 * returns only when the command is gone, so that whoever counts processes counts right.
 */
export async function* runChild(run: Run): AsyncGenerator<AnswerEvent[]> {
  const { call, settings } = run
  const child = run.newChild({
    command: run.command,
    environment: run.environment,
    ...(settings.cwd === undefined ? {} : { cwd: settings.cwd }),
    input: new TextEncoder().encode(run.input),
    id: call.newId(),
  })
  const pipe = new OutputPipe(child)
  const limits = new Limits(child, pipe, settings, call.signal)
  const errors = new Tail(child.errors)
  const output: OutputReader = settings.output === 'jsonl' ? new JsonLinesOutput() : new TextOutput()
  try {
    yield [{ type: 'answer-start', id: call.newId(), model: call.model, created: call.now }]
    yield* read(pipe, output, limits)
    const outcome = await child.exited
    limits.check()
    if (outcome.code !== 0) throw failed(outcome, await errors.lastLines(lastWordsMs), run)
    yield ending(run, output)
  } catch (thrown) {
    if (!(thrown instanceof GatewayError)) throw thrown
    yield [{ type: 'answer-error', error: thrown }]
  } finally {
    limits.stop()
    // Its pipes stay open while it tidies up: a closed one would end it by SIGPIPE at the first word.
    await child.close(graceMs)
    pipe.giveUp()
    errors.stop()
  }
}

async function* read(pipe: OutputPipe, output: OutputReader, limits: Limits): AsyncGenerator<AnswerEvent[]> {
  const decoder = new TextDecoder('utf-8')
  for (let bytes = await pipe.next(); bytes !== undefined; bytes = await pipe.next()) {
    limits.check()
    limits.count(bytes.byteLength)
    const events = output.push(decoder.decode(bytes, { stream: true }))
    if (events.length > 0) yield events
  }
  limits.check()
  const events = [...output.push(decoder.decode()), ...output.end()]
  if (events.length > 0) yield events
}

/** The last lines it wrote on its standard error are its reason, without anything secret. */
function failed({ code, signal }: Outcome, lines: string, run: Run): GatewayError {
  const given = run.settings.variables.map((name) => run.environment[name])
  const how = signal === null ? `with code ${code}` : `by ${signal}`
  const said = lines === '' ? '' : `: ${scrub(lines, given)}`
  return new GatewayError('upstream_failed', `The local command ended ${how}${said}`)
}

function ending({ input }: Run, output: OutputReader): AnswerEvent[] {
  const { reported } = output
  const isEstimated = reported?.inputTokens === undefined || reported.outputTokens === undefined
  return [
    {
      type: 'usage',
      usage: {
        inputTokens: Math.ceil(estimateTextTokens(input)),
        outputTokens: Math.ceil(output.estimatedTokens),
        ...reported,
        ...(isEstimated ? { estimated: true } : {}),
      },
    },
    { type: 'answer-end', finishes: [output.finish] },
  ]
}
