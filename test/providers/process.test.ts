import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { callOf, environment, isAlive, provider, run, within } from './process-calls.ts'

let folder = ''
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'xjp-process-'))
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const sh = (script: string): string[] => ['/bin/sh', '-c', script]

/** Process ids that a script wrote down, one a line. */
function pidsIn(file: string): number[] {
  try {
    return readFileSync(file, 'utf8').split('\n').filter(Boolean).map(Number)
  } catch {
    return []
  }
}

describe('a call', () => {
  test('the prompt goes in, what is printed comes out, usage is estimated and says so', async () => {
    const { text, fold } = await run(['cat'], { prompt: '你好, wörld' })
    expect(text).toBe('你好, wörld')
    expect(fold.complete).toBe(true)
    expect(fold.answer.usage).toMatchObject({ estimated: true })
    expect(fold.answer.usage?.outputTokens).toBeGreaterThan(0)
  })

  test('output is streamed as it is printed', async () => {
    const seen: number[] = []
    const started = performance.now()
    for await (const batch of provider.open(callOf(sh('echo a; sleep 0.3; echo b'))))
      if (batch.some(({ type }) => type === 'block-delta')) seen.push(performance.now() - started)
    expect(seen.length).toBe(2)
    expect((seen[1] ?? 0) - (seen[0] ?? 0)).toBeGreaterThan(200)
  })

  test('characters split over reads stay whole', async () => {
    const octal = [...new TextEncoder().encode('a中😀é')].map(
      (byte) => `printf '\\${byte.toString(8)}'; sleep 0.01`,
    )
    const { text } = await run(sh(octal.join('; ')))
    expect(text).toBe('a中😀é')
  })

  test('bytes that are no UTF-8 become the replacement character', async () => {
    const { text, fold } = await run(sh("printf 'a\\377b\\344'"))
    expect([text, fold.complete]).toEqual(['a\ufffdb\ufffd', true])
  })

  test('a reader who is slower than the command loses nothing', async () => {
    let length = 0
    let isFirst = true
    for await (const batch of provider.open(callOf(sh('head -c 3000000 /dev/zero | tr "\\0" x'), {}))) {
      for (const event of batch)
        if (event.type === 'block-delta' && event.delta.type === 'text') length += event.delta.text.length
      if (isFirst) await Bun.sleep(700)
      isFirst = false
    }
    expect(length).toBe(3_000_000)
  })

  test('a large prompt that nobody reads blocks nobody', async () => {
    const { text } = await run(['echo', 'done'], { prompt: 'x'.repeat(4_000_000) })
    expect(text).toBe('done\n')
  })

  test('standard input can be opened by name', async () => {
    expect((await run(['cat', '/dev/stdin'], { prompt: 'by name' })).text).toBe('by name')
  })

  test('JSON lines carry thinking, usage and the finish', async () => {
    const script = `printf '%s\\n' '{"thinking":"hm"}' '{"text":"yes"}' '{"usage":{"input_tokens":3,"output_tokens":2},"finish":"length"}'`
    const { fold } = await run(sh(script), { options: { output: 'jsonl' } })
    expect(fold.answer.candidates[0]).toMatchObject({
      blocks: [
        { type: 'thinking', text: 'hm' },
        { type: 'text', text: 'yes' },
      ],
      finish: { reason: 'length' },
    })
    expect(fold.answer.usage).toEqual({ inputTokens: 3, outputTokens: 2 })
  })

  test('the request’s values fill the arguments', async () => {
    const command = ['echo', '{model}', '-n', '{max_tokens}', '--temp={temperature}']
    expect((await run(command, { request: { maxOutputTokens: 64, temperature: 0 } })).text).toBe(
      'm -n 64 --temp=0\n',
    )
    expect((await run(command)).text).toBe('m\n')
  })
})

describe('failures', () => {
  test('an exit code is an error with the last lines of standard error, secrets removed', async () => {
    const script = `echo part; for i in 1 2 3 4 5 6; do echo line $i >&2; done; echo "key ${environment.XJP_TEST_SHARED} sk-ant-abcdefghijklmnop" >&2; exit 3`
    const { fold } = await run(sh(script), { options: { env: ['XJP_TEST_SHARED'] } })
    expect(fold.error).toMatchObject({ kind: 'upstream_failed' })
    expect(fold.error?.message).toStartWith(
      'The local command ended with code 3: line 3\nline 4\nline 5\nline 6\nkey [redacted] [redacted]',
    )
    expect(fold.error?.message).not.toContain('abcdefghijklmnop')
    expect(fold.error?.message).not.toContain('shared-value')
  })

  test('a signal is an error', async () => {
    expect((await run(sh('kill -9 $$'))).fold.error?.message).toBe('The local command ended by SIGKILL')
  })

  test.each([
    [['/no/such/program'], {}, 'does not exist'],
    [['cat'], { cwd: '/no/such/folder' }, 'does not exist'],
  ])('%j with %j cannot be started: %s', async (command, options, message) => {
    await expect(run(command, { options })).rejects.toMatchObject({
      kind: 'upstream_failed',
      message: expect.stringContaining(message),
    })
  })

  test('a file that is no program cannot be started', async () => {
    const file = join(folder, 'no-program')
    writeFileSync(file, 'text', { mode: 0o644 })
    await expect(run([file])).rejects.toMatchObject({
      message: 'The local command could not be started: the program may not be executed',
    })
  })

  test('what cannot be carried is refused before anything is started', async () => {
    const file = join(folder, 'never')
    const image = { type: 'media', kind: 'image', source: { type: 'url', url: 'http://x' } } as const
    const refused = run(sh(`touch ${file}`), { request: { messages: [{ role: 'user', content: [image] }] } })
    await expect(refused).rejects.toMatchObject({
      kind: 'unsupported',
      details: { param: 'messages[0].content[0]' },
    })
    expect(await Bun.file(file).exists()).toBe(false)
  })

  test('more output than allowed', async () => {
    const { fold, milliseconds } = await run(['yes'], { options: { maxOutputBytes: 100_000 } })
    expect(fold.error).toMatchObject({
      kind: 'upstream_failed',
      message: expect.stringContaining('more than 100000 bytes'),
    })
    expect(milliseconds).toBeLessThan(1_500)
  })

  test('endless standard error neither blocks nor fills the memory', async () => {
    const { text } = await run(sh('head -c 20000000 /dev/zero >&2; echo fine'))
    expect(text).toBe('fine\n')
  })

  test('more time than allowed', async () => {
    const { fold, milliseconds } = await run(['sleep', '30'], { options: { timeoutMs: 200 } })
    expect(fold.error).toMatchObject({ kind: 'timeout' })
    expect(milliseconds).toBeLessThan(1_200)
  })
})

/** Promise L1; at its full number, and with what the system executes, in test/promises. */
describe('L1: no shell', () => {
  const fragments = [
    '$(touch CANARY)',
    '`touch CANARY`',
    '; touch CANARY',
    '| touch CANARY',
    '&& touch CANARY',
    '\n touch CANARY\n',
    '> CANARY',
    "'; touch CANARY; '",
    '"; touch CANARY; "',
    '%x',
    '\\',
    '*',
    '~',
    '$HOME',
    '\u0000',
    '中',
  ]
  const prompts = Array.from({ length: 120 }, (_, index) =>
    [0, 1, 2]
      .map((step) => fragments[(index * 7 + step * 5 + Math.floor(index / 16)) % fragments.length])
      .join(' ')
      .replaceAll('CANARY', 'canary'),
  )

  test(`${prompts.length} prompts with metacharacters come back as they went`, async () => {
    for (const prompt of prompts) {
      const { text } = await run(['cat', '-'], { prompt, options: { cwd: folder } })
      expect(text).toBe(prompt)
    }
    expect(await Bun.file(join(folder, 'canary')).exists()).toBe(false)
  })
})

/** Promise L2. */
test.each(['--version', '-', '-x', '--help=all'])('L2: the model %s becomes no option', async (model) => {
  await expect(run(['cat', '{model}'], { model })).rejects.toMatchObject({
    kind: 'invalid_request',
    details: { param: 'model' },
  })
})

/** Promise L3. */
describe('L3: what a child inherits', () => {
  test('PATH, HOME, LANG, what is named, and the mark', async () => {
    const plain = (await run(['env'])).text.split('\n').filter(Boolean)
    expect(plain.map((line) => line.split('=')[0]).sort()).toEqual(['HOME', 'LANG', 'PATH', 'XJP_PROCESS'])
    const shared = (await run(['env'], { options: { env: ['XJP_TEST_SHARED', 'NOT_SET'] } })).text
    expect(shared).toContain(`XJP_TEST_SHARED=${environment.XJP_TEST_SHARED}`)
    expect(shared).not.toContain(environment.XJP_TEST_SECRET)
    expect(shared).not.toContain('NOT_SET')
  })

  test('no descriptors but the three', async () => {
    const server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response('x') })
    const open = await Bun.file(join(import.meta.dir, 'process.test.ts'))
      .stream()
      .getReader()
    try {
      const other = provider.open(callOf(['sleep', '5']))[Symbol.asyncIterator]()
      await other.next()
      const { text } = await run(['ls', '-l', '/proc/self/fd'])
      const descriptors = text.split('\n').flatMap(
        (line) =>
          line
            .match(/ (\d+) -> (.*)/)
            ?.slice(1, 3)
            .join(' ') ?? [],
      )
      expect(descriptors.filter((line) => !/^[012] /.test(line) && !/\/proc\/\d+\/fd$/.test(line))).toEqual(
        [],
      )
      expect(descriptors.length).toBe(4)
      await other.return?.()
    } finally {
      await open.cancel()
      await server.stop(true)
    }
  })
})

/** Promise L4. */
describe('L4: the whole group ends within a second', () => {
  /** Ignores SIGTERM, holds the pipe, and has children: in its group, in a session of their own, double-forked. */
  const stubborn = (file: string): string[] =>
    sh(`trap '' TERM; echo $$ >> ${file}; sleep 61 & echo $! >> ${file}
      setsid sh -c 'trap "" TERM; echo $$ >> ${file}; exec sleep 62' &
      (setsid sh -c 'echo $$ >> ${file}; sleep 63 & echo $! >> ${file}; wait' &) &
      echo ready; while :; do sleep 1; done`)

  async function started(file: string, signal: AbortSignal) {
    const iterator = provider.open(callOf(stubborn(file), { signal }))[Symbol.asyncIterator]()
    await iterator.next()
    await iterator.next()
    expect(await within(3_000, () => pidsIn(file).length === 5)).toBe(true)
    const pids = pidsIn(file)
    expect(pids.filter(isAlive).length).toBe(5)
    return { iterator, pids }
  }

  test.each([
    ['by signal while reading', 'read'],
    ['by leaving the answer', 'return'],
  ])('aborted %s', async (_, how) => {
    const file = join(folder, `stubborn-${how}`)
    const controller = new AbortController()
    const { iterator, pids } = await started(file, controller.signal)
    const begun = performance.now()
    if (how === 'read') {
      const next = iterator.next()
      controller.abort()
      const { value } = await next
      expect(value).toMatchObject([{ type: 'answer-error', error: { kind: 'client_closed' } }])
    } else {
      controller.abort()
      await iterator.return?.()
    }
    expect(await within(1_000 - (performance.now() - begun), () => !pids.some(isAlive))).toBe(true)
    await iterator.return?.()
  })

  test('a command that ends does not leave others behind, and its answer is whole', async () => {
    const file = join(folder, 'left-behind')
    const { text, fold, milliseconds } = await run(
      sh(`setsid sleep 64 & echo $! > ${file}; sleep 65 & echo $! >> ${file}; echo done`),
    )
    expect([text, fold.complete]).toEqual(['done\n', true])
    expect(milliseconds).toBeLessThan(1_000)
    expect(await within(1_000, () => !pidsIn(file).some(isAlive))).toBe(true)
  })

  test('a polite child has time to tidy up', async () => {
    const file = join(folder, 'tidied')
    const controller = new AbortController()
    const iterator = provider
      .open(
        callOf(sh(`trap 'echo yes > ${file}; exit 0' TERM; echo ready; while :; do sleep 0.02; done`), {
          signal: controller.signal,
        }),
      )
      [Symbol.asyncIterator]()
    await iterator.next()
    await iterator.next()
    controller.abort()
    await iterator.return?.()
    expect(readFileSync(file, 'utf8')).toBe('yes\n')
  })
})

/** Promise L6. */
test('L6: children die when the gateway is killed', async () => {
  const file = join(folder, 'orphans')
  const driver = Bun.spawn([process.execPath, join(import.meta.dir, 'process-driver.ts'), 'hang', file], {
    stdout: 'pipe',
    stderr: 'inherit',
  })
  const reader = driver.stdout.getReader()
  await reader.read()
  expect(await within(3_000, () => pidsIn(file).length === 3)).toBe(true)
  const pids = pidsIn(file)
  expect(pids.filter(isAlive).length).toBe(3)
  driver.kill('SIGKILL')
  await driver.exited
  expect(await within(5_000, () => !pids.some(isAlive))).toBe(true)
}, 15_000)

/** Promise L7. */
describe('L7: never more processes than allowed', () => {
  test('40 calls, 3 places', async () => {
    const file = join(folder, 'places')
    const call = () =>
      run(sh(`echo + >> ${file}; sleep 0.03; echo - >> ${file}`), {
        name: 'few',
        options: { concurrency: 3 },
      })
    const results = await Promise.all(Array.from({ length: 40 }, call))
    expect(results.every(({ fold }) => fold.complete)).toBe(true)
    let running = 0
    let most = 0
    for (const line of readFileSync(file, 'utf8').trim().split('\n')) {
      running += line === '+' ? 1 : -1
      most = Math.max(most, running)
    }
    expect([most, running]).toEqual([3, 0])
  })

  test('a place is free again after an abort, and only when its process is gone', async () => {
    const changes = { name: 'one', options: { concurrency: 1 } }
    const controller = new AbortController()
    const file = join(folder, 'one')
    const first = provider
      .open(
        callOf(sh(`trap '' TERM; echo $$ > ${file}; echo; sleep 66; sleep 66`), {
          ...changes,
          signal: controller.signal,
        }),
      )
      [Symbol.asyncIterator]()
    await first.next()
    await first.next()
    const second = run(['echo', 'next'], changes)
    controller.abort()
    await first.return?.()
    expect(pidsIn(file).some(isAlive)).toBe(false)
    expect((await second).text).toBe('next\n')
  })

  test('beyond the line: 503', async () => {
    const changes = { name: 'full', options: { concurrency: 1 } }
    const controller = new AbortController()
    const calls = Array.from({ length: 30 }, () =>
      run(['sleep', '67'], { ...changes, signal: controller.signal }),
    )
    const settled = Promise.allSettled(calls)
    setTimeout(() => controller.abort(), 100)
    const kinds = (await settled).map((result) =>
      result.status === 'rejected' ? result.reason.kind : result.value.fold.error?.kind,
    )
    expect(kinds.filter((kind) => kind === 'overloaded').length).toBe(30 - 1 - 16)
    expect(kinds.filter((kind) => kind === 'client_closed').length).toBe(17)
  })
})
