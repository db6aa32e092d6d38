import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { PLAIN_TEXT } from '../../rig/scene/scenes.ts'
import { swarm } from '../../rig/swarm.ts'
import { figure } from '../support/figure.ts'
import { type Front, fronts, textOfStream } from '../support/fronts.ts'
import { ask, openStage, type Seen, type Stage, upstreams } from '../support/stage.ts'
import { failingMark, newWord, routesToml, UNBOUNDED } from './support/routes.ts'

/** B7 fallback fires before the first content for every failure class on every route. */

/** What a mark makes one vendor do, before it has said anything. */
const faults: readonly { name: string; mark(vendor: string): string }[] = [
  ...[401, 402, 429, 500, 502, 503, 504, 529].map((status) => ({
    name: `status ${status}`,
    mark: (vendor: string) => failingMark(vendor, { status }),
  })),
  named('a reset before the headers', 'cut-head-rst@0'),
  named('an end before the headers', 'cut-head-fin@0'),
  named('a reset in the headers', 'cut-head-rst@20'),
  named('an end in the headers', 'cut-head-fin@20'),
  named('a reset before the body', 'cut-rst@0'),
  named('an end before the body', 'cut-fin@0'),
  named('silence before the headers', 'stall-head'),
  named('silence before the body', 'stall-start'),
  named('HTML', 'html'),
  named('nothing', 'empty'),
  named('204', 'no-content'),
  named('an endless header block', 'endless-headers'),
  named('fifty encodings', 'nested-encodings'),
  { name: 'an error as the first event', mark: (vendor) => `[${vendor}-scene:error-first@529]` },
]

function named(name: string, fault: string) {
  return { name, mark: (vendor: string) => `[${vendor}-fault:${fault}]` }
}

/** Ways in which a local command fails before it has said anything. */
const commands: readonly { name: string; toml: string }[] = [
  { name: 'a command that fails', toml: 'command = ["sh", "-c", "exit 3"]' },
  { name: 'a command that is not there', toml: 'command = ["no-such-program-anywhere"]' },
  { name: 'a command that is killed', toml: 'command = ["sh", "-c", "kill -9 $$"]' },
  { name: 'a command that hangs', toml: 'command = ["sleep", "30"]\ntimeout_ms = 300' },
  { name: 'a command that speaks no JSON', toml: 'command = ["echo", "oh no"]\noutput = "jsonl"' },
]

const SECOND = { provider: 'openrouter', model: 'anthropic/claude-sonnet-4.5' }
const TIMES = 'timeouts = { first_byte_ms = 300, idle_ms = 300 }\nretry = { max_retries = 0 }'

interface Cell {
  name: string
  model: string
  mark: string
  front: Front
  stream: boolean
}

const overHttp = upstreams.flatMap((upstream) =>
  faults.map((fault, index) => ({ upstream, fault, model: `${upstream.dialect}-${index}` })),
)
const local = commands.map((command, index) => ({
  command,
  model: `process-${index}`,
  provider: `p${index}`,
}))
const dead = { model: 'refused', name: 'a refused connection' }

const rows = [
  ...overHttp.map(({ upstream, fault, model }) => ({
    name: `${upstream.dialect}: ${fault.name}`,
    model,
    mark: fault.mark(upstream.provider),
  })),
  ...local.map(({ command, model }) => ({ name: command.name, model, mark: '' })),
  { name: dead.name, model: dead.model, mark: '' },
]
const cells: Cell[] = rows.flatMap((row) =>
  fronts.flatMap((front) => [true, false].map((stream) => ({ ...row, front, stream }))),
)

let stage: Stage
beforeAll(async () => {
  const providers = local.map(
    ({ provider, command }) => `[providers.${provider}]\ntype = "process"\n${command.toml}\n`,
  )
  const models = [
    ...overHttp.map(({ upstream, model }, index) =>
      routesToml(model, [
        { provider: upstream.provider, model: `${upstream.model}-${index}`, more: TIMES },
        SECOND,
      ]),
    ),
    ...local.map(({ provider, model }) => routesToml(model, [{ provider, model: 'm', more: TIMES }, SECOND])),
    routesToml(dead.model, [{ provider: 'dead', model: 'm', more: TIMES }, SECOND]),
    routesToml('to-process', [
      { provider: 'openai', model: 'gpt-4.1', more: TIMES },
      { provider: 'echo', model: 'm' },
    ]),
  ]
  const dying =
    '[providers.dead]\ntype = "openai_compat"\napi_key = "none"\nbase_url = "http://127.0.0.1:9/v1"\n'
  const echo = `[providers.echo]\ntype = "process"\ncommand = ["echo", "${PLAIN_TEXT}"]\n`
  stage = await openStage({ toml: [UNBOUNDED, ...providers, dying, echo, ...models].join('') })
})
afterAll(() => stage.close())

function shown(front: Front, seen: Seen): string {
  const text = seen.events.length > 0 ? textOfStream(front, seen.events) : front.answerText(seen.json)
  return seen.status === 200 ? text.trim() : `${seen.status}: ${seen.text.slice(0, 200)}`
}

describe('B7', () => {
  test('every failure leads to the next route, for both clients, streamed and whole', async () => {
    const failed: string[] = []
    await swarm(cells.length, 24, async (index) => {
      const { name, model, mark, front, stream } = cells[index] as Cell
      const content = `[scene:text] ${mark} ${newWord()}`
      const seen = await ask(stage.gateway.url, front, { model, content, stream })
      const [text, provider, attempts] = [
        shown(front, seen),
        seen.headers.get('x-xjp-provider'),
        seen.headers.get('x-xjp-attempts'),
      ]
      if (text !== PLAIN_TEXT || provider !== SECOND.provider || attempts !== '2')
        failed.push(`${front.name}, stream ${stream}, ${name}: ${text} from ${provider} at ${attempts}`)
    })
    figure('B7', { faults: faults.length + commands.length + 1, cells: cells.length, failed: failed.length })
    expect(failed).toEqual([])
  })

  test('and a local command may be the next route', async () => {
    for (const front of fronts)
      for (const stream of [true, false]) {
        const content = `[scene:text] ${failingMark('openai', { status: 500 })}`
        const seen = await ask(stage.gateway.url, front, { model: 'to-process', content, stream })
        expect([shown(front, seen), seen.headers.get('x-xjp-provider')]).toEqual([PLAIN_TEXT, 'echo'])
      }
  })
})
