import { describe, expect, test } from 'bun:test'
import type { Snapshot } from '../config/snapshot.ts'
import type { Logger } from '../telemetry/log.ts'
import { Redactor } from '../telemetry/redact.ts'
import { learnSecrets, logSettings, samplesIn, tellOfSamples } from './serve-logs.ts'

type Observability = Snapshot['observability']

function snapshotWith(parts: Record<string, unknown>): Snapshot {
  return parts as unknown as Snapshot
}

describe('where the log goes', () => {
  const logging = {
    level: 'info',
    format: 'json',
    stdout: true,
    file: null,
    maxFileBytes: 9_000,
    maxFiles: 2,
  }
  const cases: [string, Partial<Observability['logging']>, string | undefined, object][] = [
    ['no file', {}, undefined, { level: 'info', format: 'json', stdout: true }],
    ['trace is debug', { level: 'trace' }, undefined, { level: 'debug' }],
    [
      'a file beside the data',
      { file: 'logs/x.log' },
      'data',
      { file: { path: '/work/data/logs/x.log', maxBytes: 9_000, maxFiles: 2 } },
    ],
    ['a file without a data directory', { file: 'x.log' }, undefined, { file: { path: '/work/x.log' } }],
    ['a file with a whole path', { file: '/var/log/x.log' }, 'data', { file: { path: '/var/log/x.log' } }],
  ]
  for (const [name, settings, dataDir, wanted] of cases)
    test(name, () => {
      const snapshot = snapshotWith({ observability: { logging: { ...logging, ...settings } } })
      const parsed = dataDir === undefined ? {} : { dataDir }
      const found = logSettings(snapshot, parsed, { cwd: '/work' })
      expect(found).toMatchObject(wanted)
      if (name === 'no file') expect(found.file).toBeUndefined()
    })
})

test('every secret of a configuration is known to the one who takes them out', () => {
  const secrets = {
    apiKey: '0Q8bTnW1xR6yUeM4hLp9',
    accessToken: '1Q8bTnW1xR6yUeM4hLp9',
    second: '2Q8bTnW1xR6yUeM4hLp9',
    header: '3Q8bTnW1xR6yUeM4hLp9',
    publicKey: '4Q8bTnW1xR6yUeM4hLp9',
    secretKey: '5Q8bTnW1xR6yUeM4hLp9',
    database: '6Q8bTnW1xR6y/@UeM4hLp9',
    redis: '7Q8bTnW1xR6yUeM4hLp9',
    administrator: '8Q8bTnW1xR6yUeM4hLp9',
  }
  const redactor = new Redactor()
  const credentials = [{ name: 'second', settings: { apiKey: secrets.second } }]
  const { apiKey, accessToken, publicKey, secretKey } = secrets
  learnSecrets(
    redactor,
    snapshotWith({
      providers: { one: { apiKey, accessToken, headers: { 'x-key': secrets.header }, credentials } },
      observability: { otlpHttp: { publicKey, secretKey } },
      database: { url: `postgres://xjp:${encodeURIComponent(secrets.database)}@db/x` },
      redis: { url: `redis://:${secrets.redis}@cache` },
    }),
    { XJP_ADMIN_TOKEN: secrets.administrator },
  )
  for (const secret of Object.values(secrets)) expect(redactor.text(`see ${secret}.`)).toBe('see [redacted].')
})

test('addresses of stores without a password, and none, are no trouble', () => {
  const observability = {}
  for (const url of [undefined, 'redis://cache', 'no address', 'redis://:%E0%A4%A@cache'])
    learnSecrets(
      new Redactor(),
      snapshotWith({ providers: {}, observability, database: { url }, redis: { url } }),
      {},
    )
})

describe('samples at the start', () => {
  const cases: [string, Partial<Observability['samples']>, string | undefined, RegExp | undefined][] = [
    ['off', { enabled: false }, undefined, undefined],
    ['on without a place', { tenants: ['*'] }, undefined, /no data directory to keep them in/],
    ['on for nobody', { tenants: [] }, '/data', /names nobody: none are kept/],
    ['on', { tenants: ['acme'] }, '/data', /^Prompts and answers are kept/],
  ]
  for (const [name, settings, dataDirectory, wanted] of cases)
    test(name, () => {
      const told: string[] = []
      const log = { warn: (message: string) => void told.push(message) } as unknown as Logger
      const samples = { enabled: true, rate: 0.01, retentionDays: 7, ...settings }
      const snapshot = snapshotWith({ observability: { samples } })
      tellOfSamples(snapshot, dataDirectory, log)
      expect(told).toHaveLength(wanted ? 1 : 0)
      if (wanted) expect(told[0]).toMatch(wanted)
      const parts = { snapshot: () => snapshot, log, redactor: new Redactor() }
      expect(samplesIn(dataDirectory, parts) === undefined).toBe(dataDirectory === undefined)
    })
})
