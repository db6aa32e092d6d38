/** What a gateway answered to `GET /metrics`. */
export class Scraped {
  readonly text: string
  readonly #samples: { name: string; labels: Readonly<Record<string, string>>; value: number }[] = []

  constructor(text: string) {
    this.text = text
    for (const line of text.split('\n')) {
      const found = /^([a-z_]+)(?:\{(.*)\})? (\S+)$/.exec(line)
      if (!found) continue
      const [, name = '', inside = '', value = ''] = found
      const pairs = [...inside.matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)].map(
        ([, label = '', text = '']) => [label, text.replace(/\\(.)/g, unescaped)] as const,
      )
      this.#samples.push({ name, labels: Object.fromEntries(pairs), value: Number(value) })
    }
  }

  get size(): number {
    return this.#samples.length
  }

  /** The sum of a metric's samples that have these labels. */
  sum(name: string, labels: Readonly<Record<string, string>> = {}): number {
    return this.#of(name, labels).reduce((sum, { value }) => sum + value, 0)
  }

  /** Samples by the values of some labels, joined with spaces; what comes to 0 is left out. */
  by(name: string, ...labels: string[]): Record<string, number> {
    const sums: Record<string, number> = {}
    for (const sample of this.#of(name)) {
      const key = labels.map((label) => sample.labels[label] ?? '').join(' ')
      sums[key] = (sums[key] ?? 0) + sample.value
    }
    return withoutZeros(sums)
  }

  /** All values of a label, of one metric or of all. */
  values(label: string, name?: string): Set<string> {
    const all = name === undefined ? this.#samples : this.#of(name)
    return new Set(all.flatMap(({ labels }) => labels[label] ?? []))
  }

  #of(name: string, wanted: Readonly<Record<string, string>> = {}) {
    return this.#samples.filter(
      (sample) =>
        sample.name === name &&
        Object.entries(wanted).every(([label, value]) => sample.labels[label] === value),
    )
  }
}

function unescaped(_: string, character: string): string {
  return character === 'n' ? '\n' : character
}

export function withoutZeros(sums: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(sums).filter(([, sum]) => sum !== 0))
}

/** Reads a gateway's metrics, which must answer. */
export async function scrape(url: string, headers: Record<string, string> = {}): Promise<Scraped> {
  const response = await fetch(`${url}/metrics`, { headers })
  const text = await response.text()
  if (response.status !== 200) throw new Error(`/metrics answered ${response.status}: ${text}`)
  return new Scraped(text)
}

/** Asks again until it is so, at most ten seconds. */
export async function eventually<Value>(look: () => Promise<Value | undefined>): Promise<Value> {
  const until = performance.now() + 10_000
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    if (performance.now() > until) throw new Error('it did not come')
    await new Promise((wake) => setTimeout(wake, 25))
  }
}
