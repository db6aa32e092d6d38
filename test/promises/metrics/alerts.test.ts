import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { parse } from 'yaml'
import { promtool } from '../../support/services/prometheus.ts'
import { figure } from '../support/figure.ts'
import { faultsIn } from './support/known.ts'

/** The alert rules: Prometheus takes them, each fires when it should and only then, and the guide says what to do. */

interface Rule {
  alert: string
  expr: string
  labels: Record<string, string>
  annotations: Record<string, string>
}

interface Case {
  alertname: string
  exp_alerts: unknown[]
}

const project = resolve(import.meta.dir, '../../..')
const folder = join(project, 'deploy/prometheus')
const read = (file: string): string => readFileSync(join(folder, file), 'utf8')
const rules = (parse(read('alerts.yml')) as { groups: { rules: Rule[] }[] }).groups.flatMap(
  (group) => group.rules,
)
const cases = (parse(read('alerts.test.yml')) as { tests: { alert_rule_test: Case[] }[] }).tests.flatMap(
  (one) => one.alert_rule_test,
)
const guide = readFileSync(join(project, 'docs/guide/watching.md'), 'utf8')

test('promtool takes the rules', () => {
  const { code, output } = promtool(['check', 'rules', 'alerts.yml'], { cwd: folder })
  expect(output).toContain(`${rules.length} rules found`)
  expect(code).toBe(0)
})

test('each fires when it should, and only then', () => {
  const { code, output } = promtool(['test', 'rules', 'alerts.test.yml'], { cwd: folder })
  expect(output).toContain('SUCCESS')
  expect(code).toBe(0)
  figure('alerts', { rules: rules.length, cases: cases.length })
})

describe.each(rules.map((rule) => [rule.alert, rule] as const))('%s', (name, rule) => {
  test('speaks of metrics and labels that there are', () => {
    // Whether a target answers is a metric of Prometheus' own.
    if (rule.expr !== 'up{job="xjp-gateway"} == 0') expect(faultsIn(rule.expr)).toEqual([])
  })

  test('has a case in which it fires and one in which it does not', () => {
    const own = cases.filter(({ alertname }) => alertname === name)
    expect(own.some(({ exp_alerts }) => exp_alerts.length > 0)).toBe(true)
    expect(own.some(({ exp_alerts }) => exp_alerts.length === 0)).toBe(true)
  })

  test('says how bad it is, in one sentence what, and where it stands what to do', () => {
    expect(['critical', 'warning']).toContain(rule.labels['severity'] ?? '')
    expect(rule.annotations['summary']).not.toBe('')
    expect(rule.annotations['runbook']).toBe(`docs/guide/watching.md#${name.toLowerCase()}`)
    expect(guide).toContain(`\n### ${name}\n`)
  })
})

test('the guide has a section for these alerts and for no others', () => {
  const sections = [...guide.matchAll(/^### (Xjp\w+)$/gm)].map(([, name]) => name)
  expect(sections).toEqual(rules.map(({ alert }) => alert))
})
