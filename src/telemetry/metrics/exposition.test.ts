import { describe, expect, test } from 'bun:test'
import { exposition, formatFor } from './exposition.ts'
import type { Family } from './family.ts'

const requests: Family = {
  name: 'xjp_requests_total',
  type: 'counter',
  labels: ['model', 'status'],
  help: 'Calls.\nAll of "them" \\ here.',
  gather: 'sum',
  samples: [
    { labels: ['m', '200'], value: 3 },
    { labels: ['a "b" \\ c\nd', '500'], value: 1e21 },
  ],
}
const waits: Family = {
  name: 'xjp_wait_seconds',
  type: 'histogram',
  labels: ['model'],
  help: 'Waits.',
  unit: 'seconds',
  bounds: [0.5, 1],
  gather: 'sum',
  samples: [{ labels: ['m'], value: 3.25, counts: [2, 0, 1] }],
}
const bare: Family = {
  name: 'xjp_bytes',
  type: 'gauge',
  labels: [],
  help: 'Bytes.',
  unit: 'bytes',
  gather: 'sum',
  samples: [{ labels: [], value: 0.5 }],
}

const text = (families: readonly Family[], format: 'text' | 'openmetrics'): string[] =>
  [...exposition(families, format)].join('').split('\n')

describe('text', () => {
  test('what would break a line or a quote is escaped', () => {
    expect(text([requests], 'text')).toEqual([
      '# HELP xjp_requests_total Calls.\\nAll of "them" \\\\ here.',
      '# TYPE xjp_requests_total counter',
      'xjp_requests_total{model="m",status="200"} 3',
      'xjp_requests_total{model="a \\"b\\" \\\\ c\\nd",status="500"} 1e+21',
      '',
    ])
  })

  test('buckets are added up, and the last one holds all', () => {
    expect(text([waits, bare], 'text')).toEqual([
      '# HELP xjp_wait_seconds Waits.',
      '# TYPE xjp_wait_seconds histogram',
      'xjp_wait_seconds_bucket{model="m",le="0.5"} 2',
      'xjp_wait_seconds_bucket{model="m",le="1"} 2',
      'xjp_wait_seconds_bucket{model="m",le="+Inf"} 3',
      'xjp_wait_seconds_sum{model="m"} 3.25',
      'xjp_wait_seconds_count{model="m"} 3',
      '# HELP xjp_bytes Bytes.',
      '# TYPE xjp_bytes gauge',
      'xjp_bytes 0.5',
      '',
    ])
  })
})

test('OpenMetrics names the family without the ending, tells units, writes bounds as floats, and ends', () => {
  expect(text([requests, waits], 'openmetrics')).toEqual([
    '# HELP xjp_requests Calls.\\nAll of \\"them\\" \\\\ here.',
    '# TYPE xjp_requests counter',
    'xjp_requests_total{model="m",status="200"} 3',
    'xjp_requests_total{model="a \\"b\\" \\\\ c\\nd",status="500"} 1e+21',
    '# HELP xjp_wait_seconds Waits.',
    '# TYPE xjp_wait_seconds histogram',
    '# UNIT xjp_wait_seconds seconds',
    'xjp_wait_seconds_bucket{model="m",le="0.5"} 2',
    'xjp_wait_seconds_bucket{model="m",le="1.0"} 2',
    'xjp_wait_seconds_bucket{model="m",le="+Inf"} 3',
    'xjp_wait_seconds_sum{model="m"} 3.25',
    'xjp_wait_seconds_count{model="m"} 3',
    '# EOF',
    '',
  ])
})

test.each([
  [null, 'text'],
  ['', 'text'],
  ['*/*', 'text'],
  ['text/html', 'text'],
  ['text/plain', 'text'],
  ['application/openmetrics-text', 'openmetrics'],
  ['Application/OpenMetrics-Text; Version=1.0.0; charset=utf-8', 'openmetrics'],
  ['application/openmetrics-text; version=2.0.0', 'text'],
  // Prometheus 2 and 3.
  [
    'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1',
    'openmetrics',
  ],
  [
    'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=1.0.0;q=0.4,*/*;q=0.2',
    'openmetrics',
  ],
  ['application/openmetrics-text;q=0.1,text/plain;q=0.9', 'text'],
  ['application/openmetrics-text;q=0', 'text'],
  ['application/openmetrics-text;q=nonsense,*/*;q=0.1', 'text'],
] as const)('accept %p gets %s', (accept, format) => {
  expect(formatFor(accept)).toBe(format)
})
