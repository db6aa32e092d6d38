import { isQuiet } from './bench.ts'
import { FIGURES, type Figure, type FigureId } from './figures.ts'
import type { Disturbance, Machine } from './machine.ts'
import { median } from './statistics.ts'

/** What a run was, beside its figures. */
export interface Run {
  /** ISO time of its beginning. */
  time: string
  scale: string
  machine: Machine
  pinning: string
  /** Of each round. */
  disturbances: readonly Disturbance[]
  loadBefore: number
  loadAfter: number
  /** Targets that are missing and measures that broke, with the reason. */
  notes: readonly string[]
}

const HEADINGS = ['way', 'median', 'quartiles', 'n', '× pipe', '× nginx', 'limit', ''] as const

/** The rows of one figure, one a target, in the order in which the targets were measured. */
function rows(figures: readonly Figure[]): string[][] {
  return figures.map((figure) => [
    figure.target,
    `${number(figure.value)}${figure.unit === '' ? '' : ` ${figure.unit}`}`,
    figure.samples.length > 1 ? `${number(figure.low)} … ${number(figure.high)}` : '',
    String(figure.samples.length),
    ratio(figure.timesPipe),
    ratio(figure.timesNginx),
    limit(figure),
    [figure.pass === undefined ? '' : figure.pass ? 'pass' : 'FAIL', ...figure.notes]
      .filter(Boolean)
      .join(', '),
  ])
}

const ratio = (value: number | undefined): string => (value === undefined ? '' : value.toFixed(2))

function limit({ id, limit: most }: Figure): string {
  if (most === undefined) return ''
  const kind = FIGURES[id]
  const times = 'limit' in kind && kind.limit.of === 'ratio'
  return times ? `≤ ${most} × pipe` : `≤ ${most} ${kind.unit}`.trimEnd()
}

/** Three significant figures, thousands apart. */
function number(value: number): string {
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2
  return value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })
}

function sections(figures: readonly Figure[]): { title: string; rows: string[][] }[] {
  return (Object.keys(FIGURES) as FigureId[])
    .map((id) => ({ title: FIGURES[id].title, rows: rows(figures.filter((figure) => figure.id === id)) }))
    .filter(({ rows: found }) => found.length > 0)
}

/** One sentence about the limits. */
export function summary(figures: readonly Figure[]): string {
  const held = figures.filter(({ pass }) => pass !== undefined)
  const failed = held.filter(({ pass }) => pass === false)
  const names = failed.map(({ id, target }) => `${target}: ${FIGURES[id].title}`)
  return `${held.length - failed.length} of ${held.length} limits held${names.length > 0 ? `; not held:\n  ${names.join('\n  ')}` : ''}`
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`

function disturbance(rounds: readonly Disturbance[]): string[] {
  if (rounds.length === 0) return []
  const loud = rounds.filter((round) => !isQuiet(round)).length
  const stolen = percent(median(rounds.map((round) => round.stolen)))
  const others = percent(median(rounds.map((round) => round.others)))
  return [
    `${loud} of ${rounds.length} rounds were disturbed; in the median round the host took ${stolen} and other processes used ${others} of the processors`,
  ]
}

function facts(run: Run): string[] {
  const { machine } = run
  return [
    `${run.time}, commit ${machine.commit}, ${run.scale} run`,
    `${machine.cpu}, ${machine.cores} cores, ${machine.memoryGigabytes} GB, Linux ${machine.kernel}, ${machine.runtime}`,
    `${run.pinning}; load average ${run.loadBefore.toFixed(2)} before and ${run.loadAfter.toFixed(2)} after`,
    ...disturbance(run.disturbances),
    ...run.notes,
  ]
}

/** The report for a terminal. */
export function terminalReport(run: Run, figures: readonly Figure[]): string {
  const tables = sections(figures).map(({ title, rows: found }) => {
    const table = [[...HEADINGS], ...found]
    const widths = HEADINGS.map((_, column) => Math.max(...table.map((row) => (row[column] ?? '').length)))
    const lines = table.map((row) =>
      row
        .map((cell, column) =>
          column === 0 || column > 5 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
        )
        .join('  ')
        .trimEnd(),
    )
    return [title, ...lines.map((line) => `  ${line}`)].join('\n')
  })
  return `${[...facts(run), '', ...tables.flatMap((table) => [table, '']), summary(figures)].join('\n')}\n`
}

/** The report as a part of a document. */
export function markdownReport(run: Run, figures: readonly Figure[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  const tables = sections(figures).map(({ title, rows: found }) =>
    [
      `### ${title}`,
      '',
      line(HEADINGS),
      '|---|--:|--:|--:|--:|--:|---|---|',
      ...found.map((row) => line(row)),
      '',
    ].join('\n'),
  )
  const verdict = summary(figures).replaceAll('\n  ', '\n- ').replace('held:\n', 'held:\n\n')
  return [...facts(run).map((fact) => `- ${fact}`), '', `${verdict}`, '', ...tables].join('\n')
}

/** One line of JSON a figure. */
export function jsonLines(run: Run, figures: readonly Figure[]): string {
  return figures
    .map((figure) => {
      const { title } = FIGURES[figure.id]
      return `${JSON.stringify({ time: run.time, commit: run.machine.commit, scale: run.scale, title, ...figure })}\n`
    })
    .join('')
}
