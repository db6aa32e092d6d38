import { describe, expect, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { catalogue } from '../../../src/telemetry/metrics/catalogue.ts'
import { temporaryFolder } from '../../support/services/processes.ts'
import { promtool } from '../../support/services/prometheus.ts'
import { faultsIn } from './support/known.ts'

/** The Grafana dashboard: it is whole, and asks for nothing there is not. */

interface Panel {
  type: string
  title?: string
  description?: string
  gridPos: { x: number; y: number; w: number; h: number }
  fieldConfig?: { defaults?: { unit?: string } }
  targets?: { expr: string; legendFormat: string; refId: string }[]
}

interface Dashboard {
  title: string
  uid: string
  panels: Panel[]
  templating: { list: { name: string; query: string | { query: string } }[] }
  annotations: { list: { expr: string }[] }
}

const file = resolve(import.meta.dir, '../../../deploy/grafana/xjp-gateway.json')
const dashboard = JSON.parse(readFileSync(file, 'utf8')) as Dashboard
const panels = dashboard.panels.filter(({ type }) => type !== 'row')
const expressions = [
  ...panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr)),
  ...dashboard.annotations.list.map(({ expr }) => expr),
]

describe.each(panels.map((panel) => [panel.title ?? '', panel] as const))('%s', (title, panel) => {
  test('has a title, a unit and words', () => {
    expect(title).not.toBe('')
    expect(panel.fieldConfig?.defaults?.unit ?? '').not.toBe('')
    expect(panel.description ?? '').not.toBe('')
  })

  test('asks for metrics and labels that there are, each under a name', () => {
    expect(panel.targets?.length).toBeGreaterThan(0)
    for (const { expr, legendFormat } of panel.targets ?? []) {
      expect(faultsIn(expr), expr).toEqual([])
      expect(legendFormat).not.toBe('')
    }
  })
})

test('no panel stands on another, and all have titles of their own', () => {
  for (const [index, one] of panels.entries())
    for (const other of panels.slice(index + 1)) {
      const [a, b] = [one.gridPos, other.gridPos]
      const apart = a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y
      expect(apart, `${one.title} and ${other.title}`).toBe(true)
    }
  expect(new Set(panels.map(({ title }) => title)).size).toBe(panels.length)
})

test('every metric is shown somewhere', () => {
  const shown = expressions.join('\n')
  const missing = Object.values(catalogue).filter(
    ({ name }) => !new RegExp(`\\b${name}(_bucket)?\\b`).test(shown),
  )
  expect(missing.map(({ name }) => name)).toEqual([])
})

test('Prometheus can read every expression', () => {
  const folder = temporaryFolder('dashboard')
  const values: Readonly<Record<string, string>> = {
    $__rate_interval: '5m',
    $instance: '.*',
    $model: '.*',
  }
  const filled = expressions.map((expression) =>
    expression.replace(/\$\w+/g, (name) => values[name] ?? `unknown variable ${name}`),
  )
  const rules = filled.map((expr, index) => ({ record: `test:panel${index}`, expr }))
  writeFileSync(join(folder, 'rules.yml'), JSON.stringify({ groups: [{ name: 'dashboard', rules }] }))
  const { code, output } = promtool(['check', 'rules', join(folder, 'rules.yml')])
  expect(output).toContain(`${rules.length} rules found`)
  expect(code).toBe(0)
})

test('its variables are there', () => {
  const names = dashboard.templating.list.map(({ name }) => name)
  const used = new Set(
    readFileSync(file, 'utf8')
      .match(/\$\{?(?!__)[a-z]+/g)
      ?.map((name) => name.replace(/[${]/g, '')),
  )
  expect([...used].sort()).toEqual(names.sort())
})
