import type { GatewayError } from '../protocol/model/error.ts'
import type { AnswerEvent } from '../protocol/model/event.ts'
import type { Frame, Machine } from '../protocol/model/machine.ts'
import type { ByteSource } from '../upstream/source.ts'

type Step = string | Uint8Array | GatewayError | 'stall' | (() => void)

/** A source that plays a script: gives pieces, throws errors, stalls until it is cancelled, runs functions. */
export class ScriptedSource implements ByteSource {
  reads = 0
  cancelled = 0
  readonly #steps: Step[]
  #release: ((bytes: undefined) => void) | undefined

  constructor(...steps: Step[]) {
    this.#steps = steps
  }

  async read(): Promise<Uint8Array | undefined> {
    this.reads += 1
    await Promise.resolve()
    for (;;) {
      if (this.cancelled > 0) return undefined
      const step = this.#steps.shift()
      if (step === undefined) return undefined
      if (typeof step === 'function') {
        step()
        continue
      }
      if (step === 'stall')
        return new Promise((resolve) => {
          this.#release = resolve
        })
      if (step instanceof Error) throw step
      return typeof step === 'string' ? Buffer.from(step) : step
    }
  }

  cancel(): void {
    this.cancelled += 1
    this.#release?.(undefined)
  }
}

/** A wire of which every frame is the JSON of the events it means. `[DONE]` means none. */
export function eventFrame(...events: AnswerEvent[]): string {
  return `data: ${JSON.stringify(events)}\n\n`
}

/** Decodes it. `onEnd` says what the end of the input means; `read` what a frame means that is not such JSON. */
export function eventDecoder(
  onEnd: () => AnswerEvent[],
  read: (data: string) => AnswerEvent[] = () => [],
): Machine<Frame, AnswerEvent> {
  return {
    push({ data }) {
      return data.startsWith('[{') ? (JSON.parse(data) as AnswerEvent[]) : read(data)
    },
    end: onEnd,
  }
}
