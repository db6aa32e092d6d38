import type { Definition, Family, Sample } from './family.ts'

/** A way to write metrics down for Prometheus. */
export type Format = 'text' | 'openmetrics'

export const contentTypes: Readonly<Record<Format, string>> = {
  text: 'text/plain; version=0.0.4; charset=utf-8',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
}

/** Lines of one family, a piece for each, then what ends the whole. */
export function* exposition(families: readonly Family[], format: Format): Generator<string> {
  for (const family of families) yield head(family, format) + body(family, format)
  if (format === 'openmetrics') yield '# EOF\n'
}

function head(definition: Definition, format: Format): string {
  const { type, help, unit } = definition
  const isOpen = format === 'openmetrics'
  // OpenMetrics names the family, and the counter's ending belongs to its sample.
  const name = isOpen && type === 'counter' ? definition.name.replace(/_total$/, '') : definition.name
  const lines = [`# HELP ${name} ${escapedHelp(help, isOpen)}`, `# TYPE ${name} ${type}`]
  if (isOpen && unit !== undefined) lines.push(`# UNIT ${name} ${unit}`)
  return `${lines.join('\n')}\n`
}

function body(family: Family, format: Format): string {
  return family.type === 'histogram' ? histograms(family, format) : plain(family)
}

function plain({ name, labels, samples }: Family): string {
  let text = ''
  for (const sample of samples) text += `${name}${braced(pairs(labels, sample))} ${numeral(sample.value)}\n`
  return text
}

function histograms({ name, labels, bounds = [], samples }: Family, format: Format): string {
  const limits = [...bounds.map((bound) => numeralOfBound(bound, format)), '+Inf']
  let text = ''
  for (const sample of samples) {
    const own = pairs(labels, sample)
    const before = `${name}_bucket{${own}${own === '' ? '' : ','}le="`
    let count = 0
    for (const [index, limit] of limits.entries()) {
      count += sample.counts?.[index] ?? 0
      text += `${before}${limit}"} ${count}\n`
    }
    const after = braced(own)
    text += `${name}_sum${after} ${numeral(sample.value)}\n${name}_count${after} ${count}\n`
  }
  return text
}

function pairs(names: readonly string[], { labels }: Sample): string {
  let text = ''
  for (const [index, name] of names.entries())
    text += `${index === 0 ? '' : ','}${name}="${escapedValue(labels[index] ?? '')}"`
  return text
}

function braced(pairs: string): string {
  return pairs === '' ? '' : `{${pairs}}`
}

const special = /[\\"\n]/

function escapedValue(text: string): string {
  if (!special.test(text)) return text
  return text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}

function escapedHelp(text: string, isOpen: boolean): string {
  const plain = text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n')
  return isOpen ? plain.replaceAll('"', '\\"') : plain
}

function numeral(value: number): string {
  if (Number.isFinite(value)) return String(value)
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'
}

/** OpenMetrics writes bounds as floats: `1.0`. */
function numeralOfBound(bound: number, format: Format): string {
  return format === 'openmetrics' && Number.isInteger(bound) ? `${bound}.0` : String(bound)
}

/** Which format a client wants by its `accept`; the plain one when it does not say. */
export function formatFor(accept: string | null): Format {
  let best: { format: Format; weight: number } | undefined
  for (const entry of accept?.split(',') ?? []) {
    const [type = '', ...parameters] = entry.split(';').map((part) => part.trim().toLowerCase())
    const format = formats.find((one) => one.accepts(type, parameters))?.format
    const weight = weightOf(parameters)
    if (format !== undefined && weight > (best?.weight ?? 0)) best = { format, weight }
  }
  return best?.format ?? 'text'
}

const formats: readonly { format: Format; accepts(type: string, parameters: readonly string[]): boolean }[] =
  [
    {
      format: 'openmetrics',
      accepts: (type, parameters) =>
        type === 'application/openmetrics-text' &&
        parameters.every(
          (parameter) => !parameter.startsWith('version=') || /^version="?[01]\./.test(parameter),
        ),
    },
    { format: 'text', accepts: (type) => ['text/plain', 'text/*', '*/*'].includes(type) },
  ]

function weightOf(parameters: readonly string[]): number {
  const given = parameters.find((parameter) => parameter.startsWith('q='))
  const weight = given === undefined ? 1 : Number(given.slice(2))
  return Number.isFinite(weight) ? weight : 0
}
