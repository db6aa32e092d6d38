const BEGIN = '<!-- figures: written by npm run bench -- --update -->'
const END = '<!-- end of figures -->'

/** The document with its figures replaced; throws when the marks are not there. */
export function withFigures(document: string, figures: string): string {
  const from = document.indexOf(BEGIN)
  const to = document.indexOf(END)
  if (from < 0 || to < from)
    throw new Error(`docs/benchmarks.md must contain the lines "${BEGIN}" and "${END}", in this order`)
  return `${document.slice(0, from + BEGIN.length)}\n\n${figures.trim()}\n\n${document.slice(to)}`
}
