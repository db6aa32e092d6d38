import { describe, expect, test } from 'bun:test'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { root, sourceFiles } from './source-files.ts'

const all = sourceFiles('src')
const code = all.filter((file) => !file.path.endsWith('.test.ts') && !/\/testing(\/|\.ts$)/.test(file.path))

/** Which folders of `src` a folder may import from, besides itself (architecture: direction). */
const zones: Readonly<Record<string, readonly string[]>> = {
  protocol: [],
  platform: [],
  telemetry: ['protocol', 'platform', 'providers', 'upstream', 'config', 'pipeline'],
  store: ['protocol', 'platform'],
  providers: ['protocol', 'platform', 'telemetry'],
  upstream: ['protocol', 'platform', 'providers'],
  config: ['protocol', 'providers', 'upstream'],
  keys: ['protocol', 'platform', 'store'],
  pipeline: ['protocol', 'providers', 'upstream', 'config', 'store'],
  usage: ['protocol', 'platform', 'providers', 'config', 'pipeline', 'store'],
  limits: ['protocol', 'platform', 'config', 'pipeline', 'store', 'usage'],
  resilience: ['protocol', 'config', 'pipeline', 'store'],
  policies: ['protocol', 'providers', 'pipeline', 'resilience', 'config', 'store', 'keys', 'limits', 'usage'],
  endpoints: [
    'protocol',
    'providers',
    'upstream',
    'pipeline',
    'resilience',
    'policies',
    'platform',
    'telemetry',
    'config',
    'keys',
    'store',
  ],
  cli: [
    'protocol',
    'providers',
    'upstream',
    'platform',
    'telemetry',
    'config',
    'endpoints',
    'keys',
    'resilience',
    'limits',
    'usage',
    'store',
    'accounts.ts',
    'main.ts',
    'operations.ts',
  ],
}

function zoneOf(path: string): string {
  return path.split('/')[1] ?? ''
}

describe('direction', () => {
  test('every folder imports only from the folders its zone allows', () => {
    const wrong = code.flatMap((file) => {
      const zone = zoneOf(file.path)
      const allowed = zones[zone]
      if (!allowed) return []
      return file.imports
        .filter(
          (target) =>
            target.startsWith('src/') && zoneOf(target) !== zone && !allowed.includes(zoneOf(target)),
        )
        .map((target) => `${file.path} → ${target}`)
    })
    expect(wrong).toEqual([])
  })

  test('every folder of src has a zone', () => {
    const folders = readdirSync(join(root, 'src'), { withFileTypes: true }).filter((entry) =>
      entry.isDirectory(),
    )
    expect(folders.map((folder) => folder.name).filter((name) => !zones[name])).toEqual([])
  })

  test('there is no import cycle, types counted', () => {
    expect(cycles(new Map(code.map((file) => [file.path, file.imports])))).toEqual([])
  })

  test('only upstream and platform reach the network', () => {
    const reaching =
      /\bfetch\(|from 'node:(?:http|https|net|tls|dgram|http2)'|Bun\.(?:connect|listen|serve|udpSocket)\b|new WebSocket\(/
    const allowed = ['upstream', 'platform']
    const wrong = code.filter(
      (file) => !allowed.includes(zoneOf(file.path)) && reaching.test(withoutComments(file.text)),
    )
    expect(wrong.map((file) => file.path)).toEqual([])
  })

  test('only platform names the runtime', () => {
    const wrong = code.filter(
      (file) =>
        zoneOf(file.path) !== 'platform' && /\bBun\.|from 'bun(?::|')/.test(withoutComments(file.text)),
    )
    expect(wrong.map((file) => file.path)).toEqual([])
  })

  test('the protocol has no clock and no chance', () => {
    const wrong = code.filter(
      (file) => zoneOf(file.path) === 'protocol' && /\bDate\b|Math\.random/.test(withoutComments(file.text)),
    )
    expect(wrong.map((file) => file.path)).toEqual([])
  })
})

describe('names', () => {
  test('no vendor is named outside providers and config', () => {
    const vendors =
      /\b(openrouter|clewdr|deepseek|moonshot|kimi|groq|mistral|fireworks|perplexity|siliconflow|dashscope|ollama)\b/i
    const wrong = code.filter(
      (file) => !['providers', 'config'].includes(zoneOf(file.path)) && vendors.test(file.text),
    )
    expect(wrong.map((file) => file.path)).toEqual([])
  })

  test('no file re-exports a folder', () => {
    expect(
      code
        .filter((file) => /(^|\/)index\.ts$/.test(file.path) || /^export \* from/m.test(file.text))
        .map((file) => file.path),
    ).toEqual([])
  })
})

describe('dialects', () => {
  const folder = join(root, 'src/protocol/dialects')
  const dialects = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  for (const dialect of dialects)
    test(`${dialect.name} has the files every dialect has`, () => {
      const wanted = ['dialect.ts', 'wire.ts', 'request.ts', 'answer.ts', 'stream.ts', 'error.ts', 'usage.ts']
      expect(wanted.filter((name) => !existsSync(join(folder, dialect.name, name)))).toEqual([])
    })
})

describe('sizes', () => {
  test('no file with logic has more than 400 lines', () => {
    const long = code.filter((file) => file.text.split('\n').length > 400)
    expect(long.map((file) => file.path)).toEqual([])
  })
})

/** Comments may speak of what code may not do. */
function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '')
}

function cycles(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const state = new Map<string, 'open' | 'done'>()
  const found: string[] = []
  const visit = (path: string, trail: readonly string[]): void => {
    if (state.get(path) === 'done') return
    if (state.get(path) === 'open') {
      found.push([...trail.slice(trail.indexOf(path)), path].join(' → '))
      return
    }
    state.set(path, 'open')
    for (const target of graph.get(path) ?? []) visit(target, [...trail, path])
    state.set(path, 'done')
  }
  for (const path of graph.keys()) visit(path, [])
  return found
}
