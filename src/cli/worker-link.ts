import { type ParentChannel, parentChannel } from '../platform/worker-process.ts'
import type { FromWorker, Gathered, Topic, ToWorker } from './worker-messages.ts'

/** The parent waits for a second for those that do not answer. */
const GATHER_MILLISECONDS = 2_000

/** A worker's way to its parent and, over it, to the other workers. */
export class WorkerLink {
  readonly number: number
  /** Given by the parent; the first one takes that of the configuration. */
  readonly port: number | undefined
  readonly #channel: ParentChannel
  readonly #asked = new Map<number, (gathered: Gathered | undefined) => void>()
  #serial = 0
  #serving: (() => void) | undefined
  #answer: ((topic: Topic) => unknown) | undefined

  constructor(channel: ParentChannel) {
    this.#channel = channel
    this.number = channel.place.number
    this.port = channel.place.port
    channel.onMessage((message) => this.#heard(message as ToWorker))
  }

  /** Calls back when all are ready. */
  ready(url: string, port: number, serving: () => void): void {
    this.#serving = serving
    this.#send({ kind: 'ready', url, port })
  }

  /** What this worker says when all are asked. */
  answerWith(answer: (topic: Topic) => unknown): void {
    this.#answer = answer
  }

  /** Calls back when the parent is gone. */
  onLost(listener: () => void): void {
    this.#channel.onLost(listener)
  }

  /** Undefined when the parent does not answer. */
  gather(topic: Topic): Promise<Gathered | undefined> {
    this.#serial += 1
    const id = this.#serial
    return new Promise((resolve) => {
      const timer = setTimeout(() => settle(undefined), GATHER_MILLISECONDS)
      const settle = (gathered: Gathered | undefined): void => {
        clearTimeout(timer)
        this.#asked.delete(id)
        resolve(gathered)
      }
      this.#asked.set(id, settle)
      this.#send({ kind: 'ask', id, topic })
    })
  }

  #heard(message: ToWorker): void {
    if (message.kind === 'gathered') this.#asked.get(message.id)?.(message.gathered)
    else if (message.kind === 'serving') this.#serving?.()
    else this.#send({ kind: 'told', id: message.id, value: this.#answer?.(message.topic) })
  }

  #send(message: FromWorker): void {
    this.#channel.send(message)
  }
}

/** Undefined unless this process is one of several workers. */
export function workerLink(): WorkerLink | undefined {
  const channel = parentChannel()
  return channel && new WorkerLink(channel)
}
