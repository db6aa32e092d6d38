import type { Clean } from './bounded-names.ts'
import { CallMetrics } from './call-metrics.ts'
import { CallNames } from './call-names.ts'
import { catalogue } from './catalogue.ts'
import type { Family } from './family.ts'
import { LoopDelay } from './loop-delay.ts'
import { watchProcess } from './process-readings.ts'
import { type Reading, Registry } from './registry.ts'
import { type CircuitSource, circuitStates, type RouteEvent, type Sources } from './sources.ts'

export interface GatewayMetricsOptions {
  sources: Sources
  /** Takes secrets out of names before they are labels. */
  clean: Clean
  /** Milliseconds since 1970. */
  now(): number
  /** Milliseconds on the clock that never jumps. */
  monotonic(): number
  /** Of this program, and what it runs on. */
  version: string
  runtime: string
}

/** Everything this process measures. */
export class GatewayMetrics {
  readonly registry: Registry
  /** Looks on at every call. */
  readonly calls: CallMetrics
  readonly #names: CallNames
  readonly #loopDelay: LoopDelay
  readonly #events: ReturnType<typeof eventCounters>

  constructor(options: GatewayMetricsOptions) {
    const { sources, clean, now, monotonic, version, runtime } = options
    const registry = new Registry(now)
    this.registry = registry
    this.#names = new CallNames(clean)
    this.calls = new CallMetrics({ registry, names: this.#names, now: monotonic })
    this.#events = eventCounters(registry)
    // There from the start: of a counter that comes with its first event, Prometheus sees no increase.
    for (const result of ['ok', 'refused']) this.#events.reloads.of(result)
    this.#loopDelay = new LoopDelay(registry.histogram(catalogue.loopDelay).of(), monotonic)
    registry.watch(catalogue.build, () => [[[version, runtime], 1]])
    this.#watchCalls(sources)
    this.#watchTelemetry(sources)
    this.#watchRoutes(sources)
    this.#watchStores(sources, now)
    watchProcess(registry)
  }

  start(): void {
    this.#loopDelay.start()
  }

  stop(): void {
    this.#loopDelay.stop()
  }

  /** As it stands now; also for exporters of other kinds. */
  collect(): Family[] {
    return this.registry.collect().sort((one, other) => placeOf(one) - placeOf(other))
  }

  /** A reload was tried. */
  reloaded(ok: boolean): void {
    this.#events.reloads.of(ok ? 'ok' : 'refused').add()
  }

  /** A circuit changed, or a cool-down began. */
  routeEvent(event: RouteEvent): void {
    const { circuitChanges, cooldownsBegun } = this.#events
    if (event.type === 'circuit')
      circuitChanges
        .of(this.#names.model.of(event.model), this.#names.target.of(event.target), event.to)
        .add()
    else cooldownsBegun.of(this.#names.providerOf(event.provider), this.#names.reason.of(event.reason)).add()
  }

  #watchCalls({ active, draining, waiting, shedding, keys }: Sources): void {
    const { registry, calls } = this
    registry.watch(catalogue.active, () => [[[], active()]])
    registry.watch(catalogue.draining, () => [[[], draining() ? 1 : 0]])
    registry.watch(catalogue.queued, () => [[[], waiting()]])
    registry.watch(catalogue.overloaded, () => [[[], shedding().overloaded ? 1 : 0]])
    registry.watch(catalogue.shed, () =>
      byName({ ...Object.fromEntries(calls.shed), overloaded: shedding().refused }),
    )
    const refusals = (): Record<string, number> => ({ ...keys().refused, out_of_scope: calls.outOfScope })
    registry.watch(catalogue.authErrors, () => [[[], sum(Object.values(refusals()))]])
    registry.watch(catalogue.authRefusals, () => byName(refusals()))
  }

  #watchTelemetry({ lostLogLines, escapedErrors, droppedTelemetry }: Sources): void {
    const { registry } = this
    registry.watch(catalogue.escaped, () => [[[], escapedErrors()]])
    registry.watch(catalogue.logLinesLost, () => [[[], lostLogLines()]])
    registry.watch(catalogue.telemetryDropped, () => byName(droppedTelemetry()))
    registry.watch(catalogue.readErrors, () => [[[], registry.readErrors]])
  }

  #watchRoutes({ circuits, cooldowns }: Sources): void {
    this.registry.watch(catalogue.circuits, () => circuits().flatMap((circuit) => this.#statesOf(circuit)))
    this.registry.watch(catalogue.cooldowns, () => {
      const counts: Record<string, number> = {}
      for (const { provider } of cooldowns()) {
        const name = this.#names.providerOf(provider)
        counts[name] = (counts[name] ?? 0) + 1
      }
      return byName(counts)
    })
  }

  /** All three, so that a state that is over reads 0 and does not linger in graphs. */
  #statesOf({ model, target, state }: CircuitSource): Reading<readonly [string, string, string]>[] {
    const names = [this.#names.model.of(model), this.#names.target.of(target)] as const
    return circuitStates.map((each) => [[...names, each], each === state ? 1 : 0])
  }

  #watchStores({ stores, journal, keys, config }: Sources, now: () => number): void {
    const { registry } = this
    registry.watch(catalogue.stores, () => stores().map(({ store, up }) => [[store], up ? 1 : 0] as const))
    const ofJournal = (read: (state: NonNullable<ReturnType<typeof journal>>) => number) => () => {
      const state = journal()
      return state === undefined ? [] : [[[], read(state)] as const]
    }
    registry.watch(
      catalogue.journalBytes,
      ofJournal(({ bytes }) => bytes),
    )
    registry.watch(
      catalogue.journalRows,
      ofJournal(({ rows }) => rows),
    )
    registry.watch(
      catalogue.journalLag,
      ofJournal(({ lagMs }) => lagMs / 1000),
    )
    registry.watch(
      catalogue.journalRefuses,
      ofJournal(({ state }) => (state === 'full' || state === 'unwritable' ? 1 : 0)),
    )
    registry.watch(catalogue.keys, () => [[[], keys().keys]])
    registry.watch(catalogue.keyAge, () => {
      const { followedAt } = keys()
      return followedAt === undefined ? [] : [[[], Math.max(0, now() - followedAt) / 1000]]
    })
    registry.watch(catalogue.config, () => [[[config().liveVersion], 1]])
    registry.watch(catalogue.configLoaded, () => [[[], config().loadedAt / 1000]])
  }
}

const places = new Map<string, number>(Object.values(catalogue).map(({ name }, index) => [name, index]))

/** Where a metric stands in the catalogue. */
function placeOf({ name }: Family): number {
  return places.get(name) ?? places.size
}

function eventCounters(registry: Registry) {
  return {
    circuitChanges: registry.counter(catalogue.circuitChanges),
    cooldownsBegun: registry.counter(catalogue.cooldownsBegun),
    reloads: registry.counter(catalogue.reloads),
  }
}

function byName(counts: Readonly<Record<string, number>>): Reading<readonly [string]>[] {
  return Object.entries(counts).map(([name, count]) => [[name], count])
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
