import { badAddress } from './environment.ts'
import { PAIRS, pairsOf } from './pairs.ts'
import type { Problem } from './problem.ts'
import type { Environment } from './references.ts'
import type { Config } from './schema.ts'
import { isHttpAddress } from './schema-fields.ts'
import { MAXIMUM_TRACE_BODY } from './schema-observability.ts'
import { type Tree, treeAt } from './tree.ts'

type Observability = Config['observability']

interface Filling {
  settings: Observability
  problems: Problem[]
  environment: Environment
  /** Whether the file says nothing here. */
  absent(...path: string[]): boolean
}

/** Telemetry settings of the environment, where the file has none (`OTEL_*` not under system B's promise). */
export function withTelemetry(
  config: Config,
  tree: Tree,
  environment: Environment,
  fills: boolean,
): { observability: Observability; problems: Problem[] } {
  const filling: Filling = {
    settings: { ...config.observability },
    problems: [],
    environment,
    absent: (...path) => treeAt(tree, ['observability', ...path]) === undefined,
  }
  if (fills) {
    fillNames(filling)
    if (!isDisabled(environment)) fillExport(filling)
  }
  fillCut(filling)
  return { observability: filling.settings, problems: filling.problems }
}

function isDisabled(environment: Environment): boolean {
  return environment['OTEL_SDK_DISABLED']?.toLowerCase() === 'true'
}

/** What we are called in traces and metrics. */
function fillNames(filling: Filling): void {
  const { settings, environment, absent } = filling
  const attributes = pairs(filling, 'OTEL_RESOURCE_ATTRIBUTES')
  const name = environment['OTEL_SERVICE_NAME'] || attributes?.['service.name']
  if (name && absent('service_name')) settings.service_name = name
  if (attributes && absent('resource_attributes'))
    settings.resource_attributes = environment['OTEL_RESOURCE_ATTRIBUTES']
}

const protocols: Readonly<Record<string, 'otlp_grpc' | 'otlp_http'>> = {
  grpc: 'otlp_grpc',
  'http/protobuf': 'otlp_http',
}
const addresses = { otlp_grpc: 'endpoint', otlp_http: 'base_url' } as const
/** The port that OTLP over HTTP has for itself. */
const HTTP_PORT = '4318'

/**
 * Where traces go, and how, is taken as a whole or not at all: headers that are meant for one collector never go to
 * another that the file names.
 */
function fillExport(filling: Filling): void {
  const { settings, problems, environment, absent } = filling
  const endpoint = environment['OTEL_EXPORTER_OTLP_ENDPOINT']
  if (endpoint && !isHttpAddress(endpoint)) {
    problems.push(badAddress({ name: 'OTEL_EXPORTER_OTLP_ENDPOINT', value: endpoint }))
    return
  }
  const asked = [environment['OTEL_TRACES_EXPORTER'], environment['OTEL_METRICS_EXPORTER']]
  if (!endpoint && !asked.some(hasOtlp)) return
  const exporter = exporterOf(filling, endpoint)
  const inFile = settings.exporters.tracing
  if (exporter === undefined || !absent(exporter, addresses[exporter])) return
  if (!absent('exporters', 'tracing') && inFile !== exporter) return
  const timeout = number(filling, 'OTEL_EXPORTER_OTLP_TIMEOUT')
  const timeoutMs = timeout !== undefined && absent(exporter, 'timeout_ms') ? { timeout_ms: timeout } : {}
  if (exporter === 'otlp_grpc')
    settings.otlp_grpc = { ...settings.otlp_grpc, ...timeoutMs, ...(endpoint ? { endpoint } : {}) }
  else
    settings.otlp_http = { ...settings.otlp_http, ...timeoutMs, ...(endpoint ? { base_url: endpoint } : {}) }
  if (pairs(filling, 'OTEL_EXPORTER_OTLP_HEADERS') && absent('otlp_headers'))
    settings.otlp_headers = environment['OTEL_EXPORTER_OTLP_HEADERS']
  if (environment['OTEL_EXPORTER_OTLP_COMPRESSION'] === 'gzip' && absent('otlp_compression'))
    settings.otlp_compression = 'gzip'
  fillExporters(filling, exporter, endpoint)
}

/** `OTEL_TRACES_EXPORTER` unset means that a collector's address is enough; metrics are asked for by name. */
function fillExporters(
  { settings, environment, absent }: Filling,
  exporter: 'otlp_grpc' | 'otlp_http',
  endpoint?: string,
): void {
  const traces = environment['OTEL_TRACES_EXPORTER'] || (endpoint ? 'otlp' : 'none')
  if (hasOtlp(traces) && absent('exporters', 'tracing'))
    settings.exporters = { ...settings.exporters, tracing: exporter }
  if (hasOtlp(environment['OTEL_METRICS_EXPORTER']) && absent('exporters', 'metrics'))
    settings.exporters = { ...settings.exporters, metrics: exporter }
}

function hasOtlp(list: string | undefined): boolean {
  return list?.split(',').some((name) => name.trim() === 'otlp') === true
}

function exporterOf(
  { problems, environment }: Filling,
  endpoint: string | undefined,
): 'otlp_grpc' | 'otlp_http' | undefined {
  const protocol = environment['OTEL_EXPORTER_OTLP_PROTOCOL']
  if (!protocol) return endpoint && URL.parse(endpoint)?.port === HTTP_PORT ? 'otlp_http' : 'otlp_grpc'
  const exporter = Object.hasOwn(protocols, protocol) ? protocols[protocol] : undefined
  if (exporter === undefined)
    problems.push({
      file: 'environment',
      path: 'OTEL_EXPORTER_OTLP_PROTOCOL',
      expected: '"grpc" or "http/protobuf"',
      value: JSON.stringify(protocol.slice(0, 60)),
    })
  return exporter
}

/** What is wrong is told without its value, which may be a secret. */
function pairs({ environment, problems }: Filling, name: string): Record<string, string> | undefined {
  const text = environment[name]
  if (!text) return undefined
  const found = pairsOf(text)
  if (found === undefined) problems.push({ file: 'environment', path: name, expected: PAIRS })
  return found
}

function number({ environment, problems }: Filling, name: string): number | undefined {
  const text = environment[name]
  if (!text) return undefined
  if (/^[1-9]\d{0,7}$/.test(text)) return Number(text)
  problems.push({ file: 'environment', path: name, expected: 'a whole number of milliseconds' })
  return undefined
}

/** The one variable that also counts under system B's file. */
function fillCut({ settings, problems, environment, absent }: Filling): void {
  const cut = environment['TRACE_BODY_MAX_BYTES']
  if (!cut || !absent('trace_body_max_bytes')) return
  if (/^\d{1,8}$/.test(cut)) settings.trace_body_max_bytes = Math.min(Number(cut), MAXIMUM_TRACE_BODY)
  else
    problems.push({ file: 'environment', path: 'TRACE_BODY_MAX_BYTES', expected: 'a whole number of bytes' })
}
