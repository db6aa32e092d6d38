import { afterAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { Logger, type LogSettings } from './log.ts'
import type { LogFields } from './log-line.ts'
import { Redactor } from './redact.ts'

const folder = mkdtempSync(join(tmpdir(), 'xjp-log-'))
afterAll(() => rmSync(folder, { recursive: true }))
let files = 0

const KEY = 'sk-proj-Zk3vQ8bTnW1xR6yUeM4hLp9sDfGjKaC2'

/** What a logger wrote to a file. */
async function written(use: (log: Logger) => void, settings: Partial<LogSettings> = {}): Promise<string> {
  files += 1
  const path = lastFile()
  const redactor = new Redactor()
  redactor.learn(KEY)
  const log = new Logger(
    { level: 'info', format: 'json', stdout: false, file: fileAt(path), ...settings },
    redactor,
    () => new Date(0),
  )
  use(log)
  await log.flush()
  expect(log.lost).toBe(0)
  return readFileSync(path, 'utf8')
}

function lastFile(): string {
  return join(folder, 'made', `${files}.log`)
}

function fileAt(path: string): NonNullable<LogSettings['file']> {
  return { path, maxBytes: 1e9, maxFiles: 5 }
}

/** What ends a line for the strictest of readers. */
const lineEnds = new Set(['\n', '\v', '\f', '\r', '\u001c', '\u001d', '\u001e', '\u0085', '\u2028', '\u2029'])

function lines(text: string): string[] {
  const all = ['']
  for (const character of text)
    if (lineEnds.has(character)) all.push('')
    else all.push(`${all.pop()}${character}`)
  expect(all.pop()).toBe('')
  return all
}

/** Control characters, separators and direction marks. */
function isUnruly(character: string): boolean {
  const code = character.charCodeAt(0)
  const ranges = [
    [0, 0x1f],
    [0x7f, 0x9f],
    [0x2028, 0x202e],
    [0x2066, 0x2069],
  ] as const
  return ranges.some(([first, last]) => code >= first && code <= last)
}

describe('a record', () => {
  const fields: LogFields = { a: 'x "y"', b: 1, c: true, d: null, e: undefined, f: ['p', 'q'] }

  test('in JSON', async () => {
    const text = await written((log) => log.info('hello', fields))
    expect(text).toBe(
      '{"time":"1970-01-01T00:00:00.000Z","level":"info","message":"hello","a":"x \\"y\\"","b":1,"c":true,"d":null,"f":["p","q"]}\n',
    )
  })

  test('in text', async () => {
    const text = await written((log) => log.warn('hello', fields), { format: 'text' })
    expect(text).toBe('1970-01-01T00:00:00.000Z WARN  hello a="x \\"y\\"" b=1 c=true d=null f=["p","q"]\n')
  })

  const readable: [string, LogFields[string], string][] = [
    ['a word', 'demo/echo', 'demo/echo'],
    ['a name with a dot and a colon', 'a.b:c@d', 'a.b:c@d'],
    ['two words', 'two words', '"two words"'],
    ['none', '', '""'],
    ['what might be another field', 'x=1', '"x=1"'],
    ['what might be a list', '["x"]', '"[\\"x\\"]"'],
    ['a list', ['two words', 'x'], '["two words","x"]'],
    ['a tab', 'a\tb', '"a\\tb"'],
  ]
  for (const [name, value, wanted] of readable)
    test(`in text: ${name}`, async () => {
      const text = await written((log) => log.info('x', { a: value, b: 1 }), { format: 'text' })
      expect(text).toBe(`1970-01-01T00:00:00.000Z INFO  x a=${wanted} b=1\n`)
    })

  test('a number that JSON does not have', async () => {
    const text = await written((log) =>
      log.info('x', { a: Number.NaN, b: Number.POSITIVE_INFINITY, 'c"': 1 }),
    )
    expect(JSON.parse(text)).toMatchObject({ a: null, b: null, 'c"': 1 })
  })

  test('only from its level on', async () => {
    const use = (log: Logger): void => {
      log.debug('debug')
      log.info('info')
      log.warn('warn')
      log.error('error')
    }
    const seen = lines(await written(use, { level: 'warn' })).map((line) => JSON.parse(line).message)
    expect(seen).toEqual(['warn', 'error'])
  })
})

describe('the level while it runs', () => {
  test('another one holds until it is taken back, also over a change of the settings', async () => {
    const said: [string, boolean][] = []
    const text = await written(
      (log) => {
        const look = (when: string): void => {
          log.debug(when)
          said.push([log.level, log.writes('debug')])
        }
        look('configured')
        log.override('debug')
        look('overridden')
        log.configure({ level: 'error', format: 'json', stdout: false, file: fileAt(lastFile()) })
        look('configured anew')
        log.override(undefined)
        look('taken back')
      },
      { level: 'warn' },
    )
    expect(lines(text).map((line) => JSON.parse(line).message)).toEqual(['overridden', 'configured anew'])
    expect(said).toEqual([
      ['warn', false],
      ['debug', true],
      ['debug', true],
      ['error', false],
    ])
  })
})

describe('what is known of a text', () => {
  test('a secret that is learned later is taken out of a text that was plain before', async () => {
    const later = 'Qm7Lw2Zx9Kt4Vb6Ns1Rf'
    const file = join(folder, 'learned-later.log')
    const redactor = new Redactor()
    const log = new Logger({ level: 'info', format: 'json', stdout: false, file: fileAt(file) }, redactor)
    log.info('first', { text: later })
    redactor.learn(later)
    log.info('second', { text: later })
    await log.flush()
    const [first, second] = lines(readFileSync(file, 'utf8')).map((line) => JSON.parse(line))
    expect(first).toMatchObject({ text: later })
    expect(second).toMatchObject({ text: '[redacted]' })
  })

  test('more names and texts than are remembered', async () => {
    const text = await written((log) => {
      for (let count = 0; count < 2_500; count += 1) log.info('x', { [`k${count}`]: `v${count}`, same: 's' })
    })
    const records = lines(text).map((line) => JSON.parse(line))
    expect(records).toHaveLength(2_500)
    for (const [count, record] of records.entries())
      expect(record).toMatchObject({ [`k${count}`]: `v${count}`, same: 's' })
  })
})

describe('promise J9: logs cannot be forged', () => {
  const hostile: [string, string][] = [
    ['a line end', 'x\n{"level":"error","message":"forged"}'],
    ['a carriage return', 'x\rforged'],
    ['both', 'x\r\nforged'],
    ['a NUL', 'x\0forged'],
    ['a terminal sequence', 'x\u001b[2J\u001b[31mforged\u0007'],
    ['a terminal sequence of eight bits', 'x\u009b2Jforged'],
    ['separators', 'x\u2028forged\u2029forged\u0085forged\vforged\fforged\u001cforged'],
    ['directions', 'x\u202eforged\u2066'],
    ['quotes and backslashes', 'x","level":"error","y":"\\'],
    ['half a character', 'x\ud83dforged'],
  ]
  for (const format of ['json', 'text'] as const)
    for (const [name, text] of hostile) {
      test(`${name} as the name of a field, as ${format}`, async () => {
        const seen = await written((log) => log.info('x', { [text]: 1 }), { format })
        expect(lines(seen)).toHaveLength(1)
        if (format === 'json') expect(JSON.parse(seen)).toMatchObject({ level: 'info', [text]: 1 })
      })

      test(`${name}, as ${format}`, async () => {
        const seen = await written((log) => log.info(text, { field: text, list: [text, text], [text]: 1 }), {
          format,
        })
        expect(lines(seen)).toHaveLength(1)
        expect([...seen.slice(0, -1)].filter(isUnruly)).toEqual([])
        if (format === 'json') expect(JSON.parse(seen)).toMatchObject({ level: 'info', message: text })
      })
    }

  test('one record a line, parseable, whatever the fields hold', async () => {
    const odd = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 30 }),
      fc.constantFrom(
        '\n',
        '\r',
        '\0',
        '\u001b[0m',
        KEY,
        `Bearer ${KEY}`,
        '{"api_key":"abcdefgh12345678"}',
        '?key=a\\"',
      ),
    )
    const records = fc.sample(fc.tuple(odd, fc.dictionary(fc.constantFrom('a', 'b', 'c'), odd)), {
      numRuns: 3_000,
      seed: 3,
    })
    const text = await written((log) => {
      for (const [message, fields] of records) log.info(message, fields)
    })
    const seen = lines(text)
    console.info(`J9: n=${records.length} records, ${seen.length} lines`)
    expect(seen).toHaveLength(records.length)
    for (const line of seen) expect(JSON.parse(line).level).toBe('info')
    expect(text).not.toContain(KEY.slice(8))
  })

  test('a field of a megabyte is cut, and so is a list', async () => {
    const long = 'x'.repeat(1_000_000)
    const text = await written((log) =>
      log.info(long, { long, list: Array.from({ length: 5_000 }, () => long) }),
    )
    expect(lines(text)).toHaveLength(1)
    expect(text.length).toBeLessThan(60_000)
    const seen = JSON.parse(text)
    expect(seen.long).toBe(`${'x'.repeat(2_000)}…`)
    expect(seen.list).toHaveLength(21)
  })

  test('a secret at the place where a field is cut does not show', async () => {
    for (let place = 1_990 - KEY.length; place < 2_010; place += 1) {
      const text = await written((log) => log.info('x', { field: '.'.repeat(place) + KEY }))
      expect(text).not.toContain(KEY.slice(0, 8))
    }
  })

  test('what is redacted stays JSON', async () => {
    const text = await written((log) => log.info('x', { body: '{"url":"/v1?key=abcdefghijkl\\"","k":1}' }))
    expect(JSON.parse(text).body).toBe('{"url":"/v1?key=…\\"","k":1}')
  })
})

describe('writing', () => {
  test('a file that cannot be written loses lines, counts them and throws nothing', async () => {
    const log = new Logger(
      { level: 'info', format: 'json', stdout: false, file: fileAt('/dev/null/nowhere/x.log') },
      new Redactor(),
    )
    for (let number = 0; number < 7; number += 1) log.info('x')
    await log.flush()
    expect(log.lost).toBe(7)
  })

  test('nothing pending is no error', async () => {
    await new Logger({ level: 'info', format: 'json', stdout: false }, new Redactor()).flush()
  })

  test('a new file is used from now on, and the old one gets what was meant for it', async () => {
    const [one, other] = [join(folder, 'one.log'), join(folder, 'other.log')]
    const settings: LogSettings = { level: 'info', format: 'json', stdout: false, file: fileAt(one) }
    const log = new Logger(settings, new Redactor())
    log.info('first')
    log.configure({ ...settings, file: fileAt(other), level: 'debug' })
    log.debug('second')
    await log.flush()
    for (let waits = 0; waits < 100 && !exists(one); waits += 1)
      await new Promise((resolve) => setTimeout(resolve, 5))
    expect(readFileSync(one, 'utf8')).toContain('first')
    expect(lines(readFileSync(other, 'utf8')).map((line) => JSON.parse(line).message)).toEqual(['second'])
  })

  /** Runs a program that logs 500 lines to its stdout, with a reader that is described. */
  async function withReader(reader: string): Promise<{ stderr: string; status: number }> {
    const program = `
      import { Logger } from '${import.meta.dir}/log.ts'
      import { Redactor } from '${import.meta.dir}/redact.ts'
      const log = new Logger({ level: 'info', format: 'json', stdout: true }, new Redactor())
      let turns = 0
      const clock = setInterval(() => { turns += 1 }, 10)
      for (let round = 0; round < 50; round += 1) {
        for (let number = 0; number < 100; number += 1) log.info('x'.repeat(1_500))
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
      clearInterval(clock)
      const startedAt = performance.now()
      await log.flush()
      process.stderr.write(JSON.stringify({ turns, lost: log.lost, flushed: performance.now() - startedAt }))
      process.exit(0)`
    const file = join(folder, 'program.ts')
    await Bun.write(file, program)
    const child = Bun.spawn(['sh', '-c', `${process.execPath} ${file} | ${reader}`], {
      stdout: 'ignore',
      stderr: 'pipe',
    })
    const stderr = await new Response(child.stderr).text()
    return { stderr, status: await child.exited }
  }

  test('a reader that takes everything', async () => {
    const { stderr } = await withReader('cat >/dev/null')
    expect(JSON.parse(stderr)).toMatchObject({ lost: 0 })
  })

  test('several processes write to one pipe: no line comes into another', async () => {
    const program = join(folder, 'writer.ts')
    await Bun.write(
      program,
      `import { Logger } from '${import.meta.dir}/log.ts'
      import { Redactor } from '${import.meta.dir}/redact.ts'
      const log = new Logger({ level: 'info', format: 'json', stdout: true }, new Redactor())
      for (let round = 0; round < 20; round += 1) {
        for (let number = 0; number < 100; number += 1) log.info('x'.repeat(300 + (number * 37) % 1_500))
        await log.flush()
      }`,
    )
    const writers = `for n in 1 2 3 4; do ${process.execPath} ${program} & done; wait`
    // The reader comes late: the pipe is full.
    const reader = 'sleep 1; cat'
    const child = Bun.spawn(['bash', '-c', `(${writers}) | (${reader})`], { stdout: 'pipe', stderr: 'pipe' })
    const text = await new Response(child.stdout).text()
    const torn = text.split('\n').filter((line) => {
      try {
        return line !== '' && JSON.parse(line).level !== 'info'
      } catch {
        return true
      }
    })
    console.info(`one pipe: n=${text.split('"info"').length - 1} lines of 4 processes, torn ${torn.length}`)
    expect(text.split('"info"').length - 1).toBe(8_000)
    expect(torn.slice(0, 2)).toEqual([])
  }, 60_000)

  test('a reader that left does not end the process, and the loss is counted', async () => {
    const { stderr } = await withReader('head -c 10 >/dev/null')
    expect(JSON.parse(stderr).lost).toBeGreaterThan(3_000)
  })

  test('a reader that never reads does not hold the loop, and the end waits two seconds at most', async () => {
    const { stderr } = await withReader('sleep 4')
    const { turns, lost, flushed } = JSON.parse(stderr)
    expect(turns).toBeGreaterThan(25)
    expect(lost).toBeGreaterThan(0)
    expect(flushed).toBeLessThan(2_500)
  }, 15_000)
})

function exists(path: string): boolean {
  try {
    return readFileSync(path).length > 0
  } catch {
    return false
  }
}
