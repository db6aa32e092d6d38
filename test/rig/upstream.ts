import type { Fault } from './fault/fault.ts'
import type { RawRequest } from './http/read-request.ts'
import { headerOf } from './http/read-request.ts'
import type { Reply } from './http/reply.ts'
import { type Handler, startServer, type Turn } from './http/server.ts'
import { type Fields, fields, isFields, parseJson, text } from './json.ts'
import { type Entry, Ledger } from './ledger.ts'
import { modelsBody } from './models.ts'
import { bodyReply, errorReply, respond } from './respond.ts'
import { type Route, routeOf } from './routes.ts'
import { type Bill, type Failure, tokensOf } from './scene/performance.ts'
import { perform } from './scene/stage-performance.ts'
import { Script } from './script.ts'
import { createSeal, type Seal } from './seal.ts'
import { credentialOf, keyOf, providerEnvironment } from './vendors.ts'
import { chatCompletions } from './wire/chat-completions/dialect.ts'
import type { Problem, WireRequest } from './wire/dialect.ts'

/** A simulated vendor for every dialect on one address: `{url}/openai/v1`, `{url}/anthropic` … */
export interface Upstream {
  /** `http://127.0.0.1:PORT` */
  url: string
  ledger: Ledger
  /** Cues for coming requests; without one the marks in the user's text decide. */
  script: Script
  /** Environment that points a gateway's every provider here. */
  environment: Record<string, string>
  /** Connections open now. */
  connections(): number
  /** Requests that are being answered now. */
  answering(): number
  close(): Promise<void>
}

const decoder = new TextDecoder()

/** The answer before delivery, and what the ledger bills when it was sent whole. */
interface Outcome {
  reply: Reply
  fault: Fault
  bill?: Bill
}

function wireRequest(raw: RawRequest, route: Route, body: Fields, seal: Seal): WireRequest {
  const url = new URL(raw.target, 'http://rig')
  return {
    vendor: route.vendor,
    model: route.model ?? text(body['model']),
    stream: route.stream ?? body['stream'] === true,
    path: url.pathname,
    query: url.searchParams,
    header: (name) => headerOf(raw.headers, name),
    body,
    seal,
  }
}

function firstProblem(route: Route, request: WireRequest): Problem | undefined {
  for (const rule of route.dialect.rules) for (const problem of rule(request)) return problem
  return undefined
}

function isAuthorised(request: WireRequest): boolean {
  const credential = credentialOf(request.vendor, request.header) ?? request.query.get('key')
  return credential === keyOf(request.vendor)
}

class Desk {
  readonly ledger = new Ledger()
  readonly script = new Script()
  readonly #seal: Seal
  #serial = 0

  constructor(seal: Seal) {
    this.#seal = seal
  }

  #enter(raw: RawRequest, connection: number, body: string, json: unknown): Entry {
    this.#serial += 1
    const entry: Entry = {
      id: this.#serial,
      connection,
      at: performance.now(),
      method: raw.method,
      path: raw.target,
      vendor: raw.target.split('/')[1] ?? '',
      headers: raw.headers,
      body,
      json,
      status: 0,
      bytesSent: 0,
    }
    this.ledger.add(entry)
    return entry
  }

  readonly handle: Handler = (raw, connection): Turn => {
    const body = decoder.decode(raw.body)
    const json = body === '' ? undefined : parseJson(body)
    const entry = this.#enter(raw, connection, body, json)
    const outcome = this.#answer(raw, entry)
    entry.status = outcome.reply.status
    return {
      reply: outcome.reply,
      fault: outcome.fault,
      finished: (delivery, leftAfterMs) => {
        entry.bytesSent = delivery.bytesSent
        entry.ended = delivery.isComplete ? 'complete' : leftAfterMs === undefined ? 'cut' : 'client'
        entry.clientLeftAfterMs = leftAfterMs
        if (outcome.bill)
          entry.bill = delivery.isComplete ? outcome.bill : { ...outcome.bill, output: delivery.produced }
        this.ledger.changed()
      },
    }
  }

  #answer(raw: RawRequest, entry: Entry): Outcome {
    const path = new URL(raw.target, 'http://rig').pathname
    const route = routeOf(raw.method, path)
    const fail = (failure: Failure): Outcome => ({
      reply: errorReply(route?.dialect ?? chatCompletions, failure, entry.vendor, entry.id),
      fault: {},
    })
    if (route === undefined) return fail({ status: 404, message: `Invalid URL (${raw.method} ${path})` })
    const request = wireRequest(raw, route, fields(entry.json), this.#seal)
    if (!isAuthorised(request)) return fail({ status: 401, message: 'Incorrect API key provided.' })
    if (route.operation === 'models')
      return { reply: bodyReply(route.dialect, modelsBody(route.vendor), entry.id), fault: {} }
    if (!isFields(entry.json)) return fail({ status: 400, message: 'The body is not a JSON object.' })
    if (route.operation === 'count') return this.#count(route, request, entry)
    return this.#generate(route, request, entry, fail)
  }

  #count(route: Route, request: WireRequest, entry: Entry): Outcome {
    const tokens = tokensOf(entry.body)
    const isGoogle = request.path.endsWith(':countTokens')
    return {
      reply: bodyReply(
        route.dialect,
        isGoogle ? { totalTokens: tokens } : { input_tokens: tokens },
        entry.id,
      ),
      fault: {},
    }
  }

  #generate(route: Route, request: WireRequest, entry: Entry, fail: (failure: Failure) => Outcome): Outcome {
    const read = route.dialect.read(request)
    const conversation = route.withoutTools ? { ...read, tools: [] } : read
    entry.conversation = conversation
    const problem = firstProblem(route, request)
    if (problem !== undefined) {
      entry.problem = problem
      return fail({ status: problem.status ?? 400, ...problem })
    }
    const { scene, fault, faultName } = this.script.choose(route.vendor, conversation)
    entry.scene = scene.name
    entry.fault = faultName
    const performance = perform(scene.name, scene.argument, conversation, tokensOf(entry.body))
    const reply = respond(route.dialect, performance, { request, conversation, serial: entry.id }, fault)
    return { reply, fault, bill: reply.status === 200 ? performance.bill : undefined }
  }
}

export async function startUpstream(): Promise<Upstream> {
  const desk = new Desk(createSeal('the rig signs its own thoughts'))
  const server = await startServer(desk.handle)
  const url = `http://127.0.0.1:${server.port}`
  return {
    url,
    ledger: desk.ledger,
    script: desk.script,
    environment: providerEnvironment(url),
    connections: server.connections,
    answering: server.answering,
    close: server.close,
  }
}
