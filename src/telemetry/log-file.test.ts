import { afterAll, describe, expect, test } from 'bun:test'
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LogFile, type LogFileOptions } from './log-file.ts'
import { LogSink } from './log-sink.ts'

const root = mkdtempSync(join(tmpdir(), 'xjp-log-file-'))
afterAll(() => rmSync(root, { recursive: true }))
let folders = 0

function newFolder(): string {
  folders += 1
  const folder = join(root, String(folders))
  mkdirSync(folder)
  return folder
}

const told: string[] = []

function fileIn(folder: string, options: Partial<LogFileOptions> = {}): LogFile {
  const tell = (text: string): void => void told.push(text)
  return new LogFile({ path: join(folder, 'x.log'), maxBytes: 100, maxFiles: 3, tell, ...options })
}

/** A line of twenty bytes. */
function line(number: number): string {
  return `line ${String(number).padStart(14, '0')}\n`
}

function numbersIn(...texts: string[]): number[] {
  return texts.flatMap((text) => [...text.matchAll(/^line (\d{14})$/gm)].map((match) => Number(match[1])))
}

/** What stands in a folder, the oldest file first, and its lines in one row. */
function contents(folder: string): { names: string[]; numbers: number[] } {
  const order = (name: string): number => Number(/\.(\d+)$/.exec(name)?.[1] ?? 0)
  const names = readdirSync(folder).sort((one, other) => order(other) - order(one))
  return { names, numbers: numbersIn(...names.map((name) => readFileSync(join(folder, name), 'utf8'))) }
}

function upTo(count: number, from = 0): number[] {
  return Array.from({ length: count - from }, (_, number) => from + number)
}

describe('rotation by size', () => {
  test('line after line: no file is too long, and the newest files are kept', async () => {
    const folder = newFolder()
    const file = fileIn(folder)
    for (const number of upTo(33)) await file.write(line(number))
    const { names, numbers } = contents(folder)
    expect(names).toEqual(['x.log.3', 'x.log.2', 'x.log.1', 'x.log'])
    for (const name of names) expect(statSync(join(folder, name)).size).toBeLessThanOrEqual(100)
    // Five lines a file: three whole ones and the three lines of the newest.
    expect(numbers).toEqual(upTo(33, 15))
  })

  test('a batch longer than a file is spread over several, by whole lines', async () => {
    const folder = newFolder()
    await fileIn(folder, { maxFiles: 9 }).write(upTo(33).map(line).join(''))
    const { names, numbers } = contents(folder)
    expect(names).toHaveLength(7)
    expect(numbers).toEqual(upTo(33))
  })

  test('a single line longer than a file gets one of its own', async () => {
    const folder = newFolder()
    const file = fileIn(folder)
    const long = `${'x'.repeat(300)}\n`
    await file.write(line(1) + long + line(2))
    expect(['x.log.2', 'x.log.1', 'x.log'].map((name) => readFileSync(join(folder, name), 'utf8'))).toEqual([
      line(1),
      long,
      line(2),
    ])
  })

  test('none to keep: the file is emptied', async () => {
    const folder = newFolder()
    const file = fileIn(folder, { maxFiles: 0 })
    for (const number of upTo(12)) await file.write(line(number))
    expect(contents(folder)).toEqual({ names: ['x.log'], numbers: [10, 11] })
  })

  test('fewer to keep than there are: the others go, and files of other names stay', async () => {
    const folder = newFolder()
    const others = ['x.log.gz', 'x.log.1.gz', 'x.log.01', 'other.log.1']
    for (const name of [...upTo(8, 1).map((number) => `x.log.${number}`), ...others])
      writeFileSync(join(folder, name), '')
    const file = fileIn(folder, { maxFiles: 2 })
    for (const number of upTo(6)) await file.write(line(number))
    expect(readdirSync(folder).sort()).toEqual([...others, 'x.log', 'x.log.1', 'x.log.2'].sort())
  })

  test('what another process does in between is found out: it is not put aside twice', async () => {
    const folder = newFolder()
    const [one, other] = [fileIn(folder), fileIn(folder)]
    for (const number of upTo(30))
      await Promise.all([one.write(line(number)), other.write(line(number + 100))])
    const { names, numbers } = contents(folder)
    expect(names).toContain('x.log.3')
    // Nothing is in the chain twice, and none of the newest is missing.
    expect(new Set(numbers).size).toBe(numbers.length)
    expect(numbers.length).toBeGreaterThanOrEqual(15)
  })

  test('a lock whose owner is gone holds nobody for long', async () => {
    const folder = newFolder()
    const lock = join(folder, 'x.log.lock')
    writeFileSync(lock, '')
    const file = fileIn(folder)
    await file.write(upTo(7).map(line).join(''))
    // Somebody is at it: the file grows on, nothing is lost.
    expect(contents(folder).names).toEqual(['x.log.lock', 'x.log'])
    const long = Date.now() / 1000 - 60
    utimesSync(lock, long, long)
    await file.write(line(7))
    await file.write(line(8))
    expect(existsSync(lock)).toBe(false)
    expect(contents(folder)).toEqual({ names: ['x.log.1', 'x.log'], numbers: upTo(9) })
  })

  test('names that cannot be moved: the file grows on, and that is told once', async () => {
    const folder = newFolder()
    // Nobody can remove it as a file, whatever their rights.
    mkdirSync(join(folder, 'x.log.1'))
    told.length = 0
    const file = fileIn(folder, { maxFiles: 1 })
    for (const number of upTo(12)) await file.write(line(number))
    expect(numbersIn(readFileSync(join(folder, 'x.log'), 'utf8'))).toEqual(upTo(12))
    expect(told.filter((text) => text.includes('cannot be put aside and grows on'))).toHaveLength(1)
    expect(readdirSync(folder).sort()).toEqual(['x.log', 'x.log.1'])
  })
})

describe('what others do to the file', () => {
  const deeds: [string, (path: string) => void, number[]][] = [
    ['moved away', (path) => renameSync(path, `${path}-old`), [1]],
    ['removed', (path) => rmSync(path), [1]],
    ['emptied', (path) => truncateSync(path), [1]],
    ['its folder removed', (path) => rmSync(join(path, '..'), { recursive: true }), [1]],
    ['written to', (path) => appendFileSync(path, line(9)), [0, 9, 1]],
  ]
  for (const [name, deed, wanted] of deeds)
    test(name, async () => {
      const folder = newFolder()
      const file = fileIn(folder)
      await file.write(line(0))
      deed(join(folder, 'x.log'))
      await file.write(line(1))
      expect(numbersIn(readFileSync(join(folder, 'x.log'), 'utf8'))).toEqual(wanted)
    })
})

describe('a file that takes nothing', () => {
  function sinkOf(file: LogFile): LogSink {
    return new LogSink(file, (lost) => `lost ${lost}\n`)
  }

  test('a full disk: lines are counted, told once, and how many stands in the file when it takes lines again', async () => {
    const folder = newFolder()
    const path = join(folder, 'x.log')
    symlinkSync('/dev/full', path)
    told.length = 0
    const sink = sinkOf(fileIn(folder))
    for (let batch = 0; batch < 3; batch += 1) {
      sink.push(line(batch))
      sink.push(line(batch))
      await sink.flush()
    }
    expect(sink.lost).toBe(6)
    expect(told).toHaveLength(1)
    expect(told[0]).toMatch(/^the log file .*x\.log cannot be written; lines are lost until it can: .*ENOSPC/)
    rmSync(path)
    sink.push(line(7))
    await sink.flush()
    sink.push(line(8))
    await sink.flush()
    expect(readFileSync(path, 'utf8')).toBe(`lost 6\n${line(7)}${line(8)}`)
    expect(sink.lost).toBe(6)
  })

  test('a folder that cannot be made', async () => {
    told.length = 0
    const sink = sinkOf(fileIn(newFolder(), { path: '/dev/null/nowhere/x.log' }))
    for (const number of upTo(3)) {
      sink.push(line(number))
      await sink.flush()
    }
    expect(sink.lost).toBe(3)
    expect(told).toHaveLength(1)
  })

  test('a named pipe that nobody opened holds nothing up', async () => {
    const folder = newFolder()
    Bun.spawnSync(['mkfifo', join(folder, 'x.log')])
    const sink = sinkOf(fileIn(folder))
    sink.push(line(1))
    const began = performance.now()
    await sink.flush()
    expect(performance.now() - began).toBeLessThan(1_000)
    expect(sink.lost).toBe(1)
  })

  test('a named pipe whose reader sleeps takes what fits; the line that was cut stands alone', async () => {
    const folder = newFolder()
    const path = join(folder, 'x.log')
    Bun.spawnSync(['mkfifo', path])
    // Opened for both, so that the other side may come later.
    const reader = Bun.spawn(['sh', '-c', `exec 3<>"${path}"; echo ready; read go; cat <&3`], {
      stdin: 'pipe',
      stdout: 'pipe',
    })
    const output = reader.stdout.getReader()
    let seen = ''
    const readUntil = async (wanted: string): Promise<void> => {
      while (!seen.includes(wanted)) seen += Buffer.from((await output.read()).value ?? []).toString()
    }
    await readUntil('ready\n')
    const sink = sinkOf(fileIn(folder, { patienceMs: 50 }))
    const count = 5_000
    for (const number of upTo(count)) sink.push(line(number))
    await sink.flush()
    // A pipe holds 65,536 bytes: 3,276 lines and sixteen bytes of the next.
    expect(sink.lost).toBe(count - 3_276)
    reader.stdin.write('go\n')
    await reader.stdin.flush()
    await readUntil(line(3_275))
    sink.push(line(9_999))
    await sink.flush()
    await readUntil(line(9_999))
    reader.kill()
    await reader.exited
    const after = seen.slice(seen.indexOf(line(3_275)) + 20)
    expect(after).toBe(`line 00000000003\nlost ${count - 3_276}\n${line(9_999)}`)
  })
})

describe('several processes', () => {
  test('write the same file while it is put aside again and again: every line is there once and whole', async () => {
    const folder = newFolder()
    const path = join(folder, 'x.log')
    const [writers, batches, perBatch] = [4, 400, 40]
    const program = join(root, 'writer.ts')
    writeFileSync(
      program,
      `import { LogFile } from '${import.meta.dir}/log-file.ts'
      const number = Number(process.argv[2])
      const file = new LogFile({ path: '${path}', maxBytes: 20_000, maxFiles: 900, tell: console.error })
      for (let batch = 0; batch < ${batches}; batch += 1) {
        const first = (number * ${batches} + batch) * ${perBatch}
        await file.write(Array.from({ length: ${perBatch} }, (_, at) => 'line ' + String(first + at).padStart(14, '0') + '\\n').join(''))
      }`,
    )
    const children = upTo(writers).map((number) =>
      Bun.spawn([process.execPath, program, String(number)], { stderr: 'pipe', stdout: 'ignore' }),
    )
    const errors = await Promise.all(children.map((child) => new Response(child.stderr).text()))
    expect(errors.join('')).toBe('')
    const { names, numbers } = contents(folder)
    const total = writers * batches * perBatch
    console.info(
      `log file: n=${total} lines, ${writers} processes, ${names.length} files, lost ${total - numbers.length}`,
    )
    expect(names.length).toBeGreaterThan(5)
    expect(numbers.sort((one, other) => one - other)).toEqual(upTo(total))
    const bytes = names.reduce((sum, name) => sum + statSync(join(folder, name)).size, 0)
    expect(bytes).toBe(total * 20)
  }, 60_000)
})
