import { fields, parseJson, text } from '../../rig/json.ts'

/** Counts what a gateway prints. */
export class LogReader {
  #rest = ''
  bytes = 0
  lines = 0
  /** Lines by their message; those about single requests are `request`. */
  readonly messages = new Map<string, number>()
  /** Errors that nobody caught, and lines that are no record: a crash's last words. */
  readonly escaped: string[] = []
  /** Lines of the level `error`, the first ones. */
  readonly errors: string[] = []

  add(chunk: string): void {
    this.bytes += Buffer.byteLength(chunk)
    const lines = (this.#rest + chunk).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) this.#read(line)
  }

  #read(line: string): void {
    this.lines += 1
    const record = fields(parseJson(line))
    const message = text(record['message'])
    if (message === 'an error escaped' || (message === '' && /error|panic|unhandled/i.test(line)))
      this.escaped.push(line.slice(0, 500))
    else if (record['level'] === 'error' && this.errors.length < 20) this.errors.push(line.slice(0, 500))
    this.messages.set(message, (this.messages.get(message) ?? 0) + 1)
  }
}
