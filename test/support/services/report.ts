import { appendFileSync } from 'node:fs'

/** Where `npm test` collects what ran on what; nothing is written when the tests run by themselves. */
const file = process.env['XJP_TEST_REPORT']
const noted = new Set<string>()

/** Notes a fact for the line at the end of `npm test`, once: `PostgreSQL 15.14 (started by the tests)`. */
export function noteForReport(fact: string): void {
  if (file === undefined || noted.has(fact)) return
  noted.add(fact)
  appendFileSync(file, `${fact}\n`)
}
