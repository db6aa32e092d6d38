import { parseArgs } from 'node:util'

interface BenchArguments {
  quick: boolean
  /** Names of measures; empty: all. */
  only: string[]
  /** Write the table into docs/benchmarks.md. */
  update: boolean
}

export const USAGE = `npm run bench -- [--quick] [--only MEASURE[,MEASURE…]] [--update]
  --quick    the same in two minutes, too short to be quoted
  --update   writes the figures of a whole run into docs/benchmarks.md
  --only     some of the measures: `

/** Reads the command line; a string is what is wrong with it. */
export function benchArguments(
  args: readonly string[],
  measures: readonly string[],
): BenchArguments | string {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        quick: { type: 'boolean', default: false },
        only: { type: 'string', multiple: true, default: [] },
        update: { type: 'boolean', default: false },
      },
    })
    const only = values.only.flatMap((names) => names.split(','))
    const unknown = only.find((name) => !measures.includes(name))
    if (unknown !== undefined) return `--only: there is no measure "${unknown}"`
    if (values.update && (values.quick || only.length > 0))
      return '--update: only a whole run is written into the documents; leave out --quick and --only'
    return { quick: values.quick, only, update: values.update }
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown)
  }
}
