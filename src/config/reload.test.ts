import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type LoadResult, load } from './load.ts'
import { LiveConfig, type ReloadReport, watchConfigFile } from './reload.ts'
import { nativeBase, nativeBreaks } from './testing/breaks.ts'
import { changed } from './testing/change.ts'
import { fakeProviders } from './testing/fake-providers.ts'
import { render } from './testing/render.ts'

let folder = ''
const file = 'xjp.toml'
const write = (text: string): void => writeFileSync(join(folder, file), text)
const good = (port: number): string => `[server]\nport = ${port}\n`
const read = (): LoadResult => load({ file, cwd: folder, environment: {}, providers: fakeProviders })

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'xjp-reload-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

function liveConfig(text: string): { live: LiveConfig; reports: ReloadReport[]; clock: { now: number } } {
  write(text)
  const first = read()
  if (!first.ok) throw new Error('the first file is right')
  const clock = { now: 1000 }
  const reports: ReloadReport[] = []
  const options = {
    snapshot: first.snapshot,
    load: read,
    now: () => clock.now,
    onReload: (report: ReloadReport) => void reports.push(report),
  }
  return { live: new LiveConfig(options), reports, clock }
}

describe('a reload', () => {
  test('swaps the whole snapshot and says so', () => {
    const { live, reports, clock } = liveConfig(good(1))
    const before = live.snapshot
    expect(live.status()).toEqual({ liveVersion: before.version, loadedAt: 1000 })
    write(good(2))
    clock.now = 2000
    const report = live.reload()
    expect(report).toEqual({ ok: true, version: live.snapshot.version })
    expect(reports).toEqual([report])
    expect(live.snapshot.server.port).toBe(2)
    // A call that began before keeps what it began with.
    expect(before.server.port).toBe(1)
    expect(live.status()).toEqual({ liveVersion: live.snapshot.version, loadedAt: 2000 })
  })

  test('of a vanished file changes nothing', () => {
    const { live } = liveConfig(good(1))
    const before = live.snapshot
    rmSync(join(folder, file))
    expect(live.reload()).toMatchObject({ ok: false, problems: [{ expected: 'a file that exists' }] })
    expect(live.snapshot).toBe(before)
  })

  test('H5: two hundred broken files change nothing, and the reason is shown', () => {
    const { live, reports, clock } = liveConfig(render(nativeBase, 'toml').text)
    const before = live.snapshot
    const broken = nativeBreaks.map(
      (wanted) => render(changed(nativeBase, wanted.path, wanted.to), 'toml').text,
    )
    const whole = render(nativeBase, 'toml').text
    // Files cut off in the middle of a write, at every place where that leaves no right file.
    const step = Math.floor(whole.length / (200 - broken.length + 40))
    for (let end = step; end < whole.length && broken.length < 240; end += step)
      broken.push(whole.slice(0, end))
    let refused = 0
    for (const text of broken) {
      write(text)
      clock.now += 1
      const isRight = read().ok
      if (isRight) continue
      const report = live.reload()
      refused += 1
      expect(report.ok).toBe(false)
      expect(live.snapshot).toBe(before)
      expect(live.status()).toMatchObject({
        liveVersion: before.version,
        loadedAt: 1000,
        lastError: { at: clock.now },
      })
      expect(live.status().lastError?.problems.length).toBeGreaterThan(0)
    }
    expect(refused).toBeGreaterThanOrEqual(200)
    expect(reports).toHaveLength(refused)
    write(good(3))
    expect(live.reload().ok).toBe(true)
    expect(live.status().lastError).toBeUndefined()
    console.log(`H5: ${refused} broken reloads, 0 changed the live snapshot`)
  })
})

describe('the watch on a file', () => {
  /** Runs `change` and waits until the watcher reports it; bun's own limit for a test is the time limit. */
  async function reported(change: () => void, path = file): Promise<number> {
    let count = 0
    let stop = (): void => {}
    await new Promise<void>((resolve) => {
      stop = watchConfigFile(path, folder, () => {
        count += 1
        resolve()
      })
      change()
    })
    stop()
    return count
  }

  const ways: readonly [string, () => void][] = [
    ['written in place', () => write(good(4))],
    [
      'replaced by a rename, as editors do',
      () => {
        writeFileSync(join(folder, '.xjp.toml.swp'), good(5))
        renameSync(join(folder, '.xjp.toml.swp'), join(folder, file))
      },
    ],
    [
      'renamed away and written anew',
      () => {
        renameSync(join(folder, file), join(folder, 'xjp.toml~'))
        write(good(6))
      },
    ],
    [
      'written in several pieces',
      () => {
        for (const text of ['', '[server]\n', good(7)]) write(text)
      },
    ],
  ]
  for (const [name, change] of ways)
    test(name, async () => {
      write(good(1))
      expect(await reported(change)).toBe(1)
      expect(read().ok).toBe(true)
    })

  test('a link that is swapped beside it', async () => {
    expect(await reported(() => writeFileSync(join(folder, '..data'), 'x'))).toBe(1)
  })

  test('an absolute name', async () => {
    expect(await reported(() => write(good(8)), join(folder, file))).toBe(1)
  })

  test('other files of the folder do not count', async () => {
    let other = 0
    const stop = watchConfigFile('other.toml', folder, () => {
      other += 1
    })
    expect(await reported(() => write(good(9)))).toBe(1)
    stop()
    expect(other).toBe(0)
  })
})
