import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { type Format, parseDocument } from './document.ts'
import { loadDocument } from './load.ts'
import { LineIndex, type Path } from './place.ts'
import { formatProblem, type Problem, pathText, problemReport } from './problem.ts'
import {
  type Break,
  nativeBase,
  nativeBreaks,
  systemBBase,
  systemBBreaks,
  systemCBase,
  systemCBreaks,
} from './testing/breaks.ts'
import { leaksIn } from './testing/canaries.ts'
import { changed } from './testing/change.ts'
import { fakeProviders } from './testing/fake-providers.ts'
import { type Data, type Rendered, render } from './testing/render.ts'

/** Promise H6: every mistake is reported with its place, path, what was expected, the nearest name; all at once. */

const environment = { EMPTY_ONE: '' }
let files = 0
let positions = 0
let leaks = 0

function problemsOf(file: string, text: string): Problem[] {
  const options = { cwd: '/', environment, providers: fakeProviders }
  const result = loadDocument(parseDocument(file, text), options)
  const problems = result.ok ? [] : result.problems
  const shown = [problemReport(problems), JSON.stringify(problems), ...problems.map(formatProblem)].join('\n')
  leaks += leaksIn(shown).length
  expect(leaksIn(shown)).toEqual([])
  files += 1
  return problems
}

function check(problem: Problem | undefined, wanted: Break, rendered: Rendered): void {
  const at = wanted.at ?? { path: wanted.path, part: 'value' as const }
  expect(problem?.path).toBe(wanted.says ?? pathText(wanted.path))
  expect(problem?.position).toEqual(rendered.position(at.path, at.part))
  positions += 1
  if (typeof wanted.expected === 'string') expect(problem?.expected).toBe(wanted.expected)
  else expect(problem?.expected).toMatch(wanted.expected)
  if (wanted.value !== undefined) expect(problem?.value).toBe(wanted.value ?? undefined)
  expect(problem?.nearest).toBe(wanted.nearest)
}

const tables: readonly { name: string; base: Data; breaks: readonly Break[]; formats: readonly Format[] }[] =
  [
    { name: 'our own file', base: nativeBase, breaks: nativeBreaks, formats: ['toml', 'yaml', 'json'] },
    { name: 'system B', base: systemBBase, breaks: systemBBreaks, formats: ['yaml', 'json'] },
    { name: 'system C', base: systemCBase, breaks: systemCBreaks, formats: ['json', 'yaml'] },
  ]

for (const { name, base, breaks, formats } of tables)
  for (const format of formats)
    describe(`${name} in ${format}`, () => {
      test('is right before it is broken', () => {
        expect(problemsOf(`base.${format}`, render(base, format).text)).toEqual([])
      })

      for (const wanted of breaks)
        test(wanted.name, () => {
          const rendered = render(changed(base, wanted.path, wanted.to), format)
          const problems = problemsOf(`broken.${format}`, rendered.text)
          expect(problems.map(formatProblem)).toHaveLength(1)
          check(problems[0], wanted, rendered)
        })

      test('several mistakes are reported together', () => {
        const several = fc.shuffledSubarray([...breaks], { minLength: 2, maxLength: 8 })
        fc.assert(
          fc.property(several, (chosen) => {
            const apart = chosen.filter((one, index) =>
              chosen.slice(0, index).every((other) => areApart(one, other)),
            )
            const rendered = render(
              apart.reduce<Data>((data, one) => changed(data, one.path, one.to), base),
              format,
            )
            const problems = problemsOf(`several.${format}`, rendered.text)
            expect(problems).toHaveLength(apart.length)
            for (const wanted of apart) {
              const path = wanted.says ?? pathText(wanted.path)
              check(
                problems.find((problem) => problem.path === path),
                wanted,
                rendered,
              )
            }
          }),
          { numRuns: 40, seed: 20251120 },
        )
      })
    })

/** Two mistakes in the same section may hide or cause each other; everything else is independent. */
function areApart(one: Break, other: Break): boolean {
  const section = (path: Path): string =>
    JSON.stringify(path.slice(0, path[0] === 'models' || path[0] === 'providers' ? 2 : 1))
  const touching = [one.path, other.path].map((path) => path[0])
  if (touching.every((name) => name === 'model_list')) return false
  // A wrong name in a route is compared with the names of providers, which the other mistake may add or remove.
  return section(one.path) !== section(other.path)
}

/** `«` stands right before the place that must be reported. */
const syntaxTable: readonly { name: string; file: string; text: string; expected: RegExp; path?: string }[] =
  [
    { name: 'TOML: no value', file: 'a.toml', text: '[server]\nport = «\n', expected: /valid TOML/ },
    {
      name: 'TOML: a string without end',
      file: 'a.toml',
      text: '[server]\nhost = "abc«\n',
      expected: /valid TOML/,
    },
    { name: 'TOML: two values', file: 'a.toml', text: '[server]\nport = 1 «2\n', expected: /end-of-line/ },
    {
      name: 'TOML: a table twice',
      file: 'a.toml',
      text: '[server]\nport = 1\n[«server]\nhost = "a"\n',
      expected: /each key and table once/,
    },
    {
      name: 'TOML: a key twice',
      file: 'a.toml',
      text: '[server]\nport = 1\n«port = 2\n',
      expected: /each key and table once/,
    },
    {
      name: 'TOML: a header without end',
      file: 'a.toml',
      text: '[server\nport = 1\n',
      expected: /valid TOML/,
    },
    {
      name: 'TOML: a number with a leading zero',
      file: 'a.toml',
      text: '[server]\nport = «08080\n',
      expected: /leading zero/,
    },
    {
      name: 'TOML: an array without end',
      file: 'a.toml',
      text: '[server.cors]\norigins = ["a"«',
      expected: /valid TOML/,
    },
    {
      name: 'TOML after a mark of byte order',
      file: 'a.toml',
      text: '\uFEFFport = «\n',
      expected: /valid TOML/,
    },
    {
      name: 'TOML with Windows line ends',
      file: 'a.toml',
      text: '[server]\r\nport = «x\r\n',
      expected: /valid TOML/,
    },
    { name: 'YAML: a tab', file: 'a.yaml', text: 'server:\n«\tport: 1\n', expected: /spaces, not tabs/ },
    {
      name: 'YAML: a key twice',
      file: 'a.yaml',
      text: 'server:\n  port: 1\n  «port: 2\n',
      expected: /each key once/,
      path: 'server.port',
    },
    {
      name: 'YAML: a section twice',
      file: 'a.yaml',
      text: 'server: { port: 1 }\n«server: { port: 2 }\n',
      expected: /each key once/,
      path: 'server',
    },
    {
      name: 'YAML: a quote without end',
      file: 'a.yaml',
      text: 'server:\n  host: "abc«',
      expected: /character that ends/,
    },
    {
      name: 'YAML: a list without end',
      file: 'a.yaml',
      text: 'model_list:\n  allow: [a, b\n«',
      expected: /.*/,
    },
    {
      name: 'YAML: an unknown alias',
      file: 'a.yaml',
      text: 'server:\n  host: «*nobody\n',
      expected: /anchor/,
      path: 'server.host',
    },
    { name: 'YAML: a tag', file: 'a.yaml', text: 'server:\n  host: «!env HOST\n', expected: /without a tag/ },
    {
      name: 'YAML: two documents',
      file: 'a.yaml',
      text: 'server: { port: 1 }\n«---\nserver: { port: 2 }\n',
      expected: /one document/,
    },
    { name: 'YAML: a value with a colon', file: 'a.yaml', text: 'server:\n  host: «a: b\n', expected: /.*/ },
    {
      name: 'JSON: a comma too many',
      file: 'a.json',
      text: '{"server": {"port": 1, «}}',
      expected: /a key in double quotes/,
    },
    { name: 'JSON: a comment', file: 'a.json', text: '{ «// here\n}', expected: /a key in double quotes/ },
    {
      name: 'JSON: single quotes',
      file: 'a.json',
      text: "{«'server': {}}",
      expected: /a key in double quotes/,
    },
    {
      name: 'JSON: a key twice',
      file: 'a.json',
      text: '{"server": {"port": 1,\n  «"port": 2}}',
      expected: /each key once/,
      path: 'server.port',
    },
    { name: 'JSON: no end', file: 'a.json', text: '{"server": {"port": 1}«', expected: /"," or "\}"/ },
    { name: 'JSON: something after the end', file: 'a.json', text: '{} «{}', expected: /nothing more/ },
    { name: 'JSON: NaN', file: 'a.json', text: '{"server": {"port": «NaN}}', expected: /a JSON value/ },
    { name: 'JSON: an empty file', file: 'a.json', text: '«', expected: /a JSON value/ },
    {
      name: 'JSON: a wrong escape',
      file: 'a.json',
      text: '{"server": {"host": «"\\x41"}}',
      expected: /legal escapes/,
    },
    {
      name: 'JSON: a line end in a string',
      file: 'a.json',
      text: '{"server": {"host": «"a\nb"}}',
      expected: /legal escapes/,
    },
    {
      name: 'JSON: a list for a file',
      file: 'a.json',
      text: '«[1]',
      expected: /a section with keys such as/,
    },
  ]

describe('texts that are not of their format', () => {
  for (const { name, file, text, expected, path } of syntaxTable)
    test(name, () => {
      const mark = text.indexOf('«')
      const plain = text.replace('«', '').replace(/^\uFEFF/, '')
      const problems = problemsOf(file, text.replace('«', ''))
      expect(problems.length).toBeGreaterThan(0)
      expect(problems[0]?.expected).toMatch(expected)
      expect(problems[0]?.path).toBe(path ?? '')
      if (mark === -1) return
      const offset = mark - (text.startsWith('\uFEFF') ? 1 : 0)
      expect(problems[0]?.position).toEqual(new LineIndex(plain).position(offset))
      positions += 1
    })

  test('a secret on a line that does not parse is not shown', () => {
    for (const [file, text] of [
      ['a.toml', '[providers.openai]\napi_key = "sk-canary-Q7fJ2mXv9Lp4Rt8W" x\n'],
      ['a.toml', '[providers.openai]\napi_key = sk-canary-Q7fJ2mXv9Lp4Rt8W\n'],
      ['a.yaml', 'providers:\n  openai:\n    api_key: "sk-canary-Q7fJ2mXv9Lp4Rt8W" x\n'],
      ['a.yaml', 'providers:\n  openai:\n    api_key: *sk-canary-Q7fJ2mXv9Lp4Rt8W\n'],
      ['a.yaml', 'providers:\n  openai:\n    api_key: !sk-canary-Q7fJ2mXv9Lp4Rt8W x\n'],
      ['a.yaml', 'providers:\n  openai:\n    api_key: |sk-canary-Q7fJ2mXv9Lp4Rt8W\n'],
      ['a.json', '{"providers": {"openai": {"api_key": sk-canary-Q7fJ2mXv9Lp4Rt8W}}}'],
    ] as const)
      expect(problemsOf(file, text).length).toBeGreaterThan(0)
  })

  test('a secret in the wrong place is not shown', () => {
    for (const text of [
      '[server]\nport = "sk-canary-Q7fJ2mXv9Lp4Rt8W"\n',
      '[auth]\nmode = "Kd93jfQmZ71xVbTr55Lw"\n',
      '[models.m.primary]\nprovider = "sk-canary-Q7fJ2mXv9Lp4Rt8W"\nprovider_model_id = "a"\n',
      '[providers.openai]\napi_key = "plainwordcanaryzebrafish"\n[providers.plainwordcanaryzebrafish]\nbase_url = "plainwordcanaryzebrafish"\n',
      '["sk-canary-Q7fJ2mXv9Lp4Rt8W"]\nx = 1\n',
      '[providers.openai]\n"sk-canary-Q7fJ2mXv9Lp4Rt8W" = 1\n',
    ])
      expect(problemsOf('a.toml', text).length).toBeGreaterThan(0)
  })
})

test('H6 in numbers', () => {
  const broken = tables.reduce(
    (sum, { breaks, formats }) => sum + breaks.length * formats.length,
    syntaxTable.length,
  )
  console.log(
    `H6: ${broken} broken files by table, ${files} read in all; ${positions} positions compared, all right; canary leaks ${leaks}`,
  )
  expect(broken).toBeGreaterThanOrEqual(150)
  expect(leaks).toBe(0)
})

test('a file full of mistakes is answered soon, and says that there are more', () => {
  const lines = Array.from({ length: 20_000 }, (_, index) => `secret_${index} = "sk-number-${index}-of-many"`)
  const started = performance.now()
  const result = loadDocument(parseDocument('a.toml', lines.join('\n')), {
    cwd: '/',
    environment,
    providers: fakeProviders,
  })
  expect(performance.now() - started).toBeLessThan(10_000)
  expect(result.ok ? 0 : result.problems.length).toBe(1001)
  expect(JSON.stringify(result)).toContain('the rest of them is not shown')
  expect(JSON.stringify(result)).not.toContain('sk-number')
})
