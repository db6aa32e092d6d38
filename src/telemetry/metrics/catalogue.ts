import type { Definition, Gather } from './family.ts'

/**
 * Everything that is measured, in one table: names, labels and meanings are written here and nowhere else. The reference
 * page is made from it, and dashboards and alerts are checked against it. Names and labels of the first seven are
 * published and stay as they are.
 */

/** Times of answers, in seconds: from one that was refused to a model that thinks for ten minutes. */
const answerTimes = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600]
/** Finer where a person notices. */
const firstTokenTimes = [0.005, 0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30, 60, 120, 600]
const gapTimes = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300]
/** Our own share is below a millisecond; the rest is for when it is not. */
const ownTimes = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5]
const queueTimes = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30]

type Unit = Definition['unit']

function counter<const Labels extends readonly string[]>(
  name: string,
  labels: Labels,
  help: string,
  unit?: Unit,
  gather: Gather = 'sum',
): Definition<Labels> {
  return { name, type: 'counter', labels, help, gather, ...(unit ? { unit } : {}) }
}

function gauge<const Labels extends readonly string[]>(
  name: string,
  labels: Labels,
  gather: Gather,
  help: string,
  unit?: Unit,
): Definition<Labels> {
  return { name, type: 'gauge', labels, help, gather, ...(unit ? { unit } : {}) }
}

function times<const Labels extends readonly string[]>(
  name: string,
  labels: Labels,
  bounds: readonly number[],
  help: string,
): Definition<Labels> {
  return { name, type: 'histogram', labels, help, gather: 'sum', unit: 'seconds', bounds }
}

export const catalogue = {
  requests: counter(
    'xjp_requests_total',
    ['model', 'provider', 'tenant', 'status'],
    'Calls that are over, by the status their clients saw: 499 when the client left. A stream that broke has 200; see xjp_errors_total.',
  ),
  duration: times(
    'xjp_request_duration_seconds',
    ['model', 'provider', 'endpoint'],
    answerTimes,
    'Time from the arrival of a call to its end, the last byte of a stream.',
  ),
  tokens: counter(
    'xjp_tokens_total',
    ['model', 'tenant', 'token_type'],
    'Tokens as they are accounted. prompt and completion are the whole; cached and cache_write are parts of prompt, reasoning is part of completion.',
  ),
  streamedBytes: counter(
    'xjp_streaming_bytes_total',
    ['model', 'provider'],
    'Bytes of streamed answers that were sent to clients.',
    'bytes',
  ),
  active: gauge(
    'xjp_active_connections',
    [],
    'sum',
    'Calls that are open now, streams until their last byte.',
  ),
  limitHits: counter(
    'xjp_rate_limit_hits_total',
    [],
    'Calls refused by a limit of their key or tenant. What upstreams refuse is in xjp_attempts_total.',
  ),
  authErrors: counter(
    'xjp_auth_errors_total',
    [],
    'Requests refused for who called: no key, not ours, disabled, expired, not for this model, guessing.',
  ),

  errors: counter(
    'xjp_errors_total',
    ['model', 'provider', 'error', 'ended_by'],
    'Calls that did not end well, streams that broke among them, by kind of error and who ended them.',
  ),
  firstToken: times(
    'xjp_time_to_first_token_seconds',
    ['model', 'provider'],
    firstTokenTimes,
    'Time from the arrival of a call to the first content of its streamed answer.',
  ),
  gaps: times(
    'xjp_event_gap_seconds',
    ['model', 'provider'],
    gapTimes,
    'Time between two reads of a streamed answer, from its first content on.',
  ),
  added: times(
    'xjp_added_latency_seconds',
    ['endpoint'],
    ownTimes,
    'Time of our own: from the arrival of a call, its body included, until its first attempt was sent, less the wait in the queue.',
  ),
  cost: counter(
    'xjp_cost_dollars_total',
    ['model', 'tenant'],
    'What calls cost, in US dollars, as accounted; models without a price are not in it.',
    'dollars',
  ),
  limitRefusals: counter(
    'xjp_limit_refusals_total',
    ['limit'],
    'xjp_rate_limit_hits_total by the limit that was reached.',
  ),
  authRefusals: counter('xjp_auth_refusals_total', ['reason'], 'xjp_auth_errors_total by reason.'),
  replays: counter(
    'xjp_replays_total',
    ['model'],
    'Calls that were answered with an earlier answer (idempotency): nothing was used.',
  ),

  attempts: counter(
    'xjp_attempts_total',
    ['model', 'provider', 'reason', 'outcome'],
    'Attempts at upstreams: why each was made (retry, fallback …), and whether it gave content (ok) or which error.',
  ),
  passedOver: counter(
    'xjp_targets_passed_over_total',
    ['model', 'reason'],
    'Targets that were considered and not tried, by reason (circuit_open, cooling …).',
  ),
  circuits: gauge(
    'xjp_circuit_state',
    ['model', 'target', 'state'],
    'sum',
    'How many workers have the circuit of a target in this state: 1 or 0 where there is one.',
  ),
  circuitChanges: counter(
    'xjp_circuit_transitions_total',
    ['model', 'target', 'to'],
    'Changes of circuits, by the state they came to.',
  ),
  cooldowns: gauge(
    'xjp_cooldowns_active',
    ['provider'],
    'max',
    'Cool-downs that hold now: the upstream asked to be left alone, or refused a credential.',
  ),
  cooldownsBegun: counter('xjp_cooldowns_begun_total', ['provider', 'reason'], 'Cool-downs that were begun.'),

  queued: gauge('xjp_queue_depth', [], 'sum', 'Calls that wait for a place now (limits.max_inflight).'),
  queueWait: times(
    'xjp_queue_wait_seconds',
    [],
    queueTimes,
    'How long calls that had to wait for a place waited.',
  ),
  shed: counter(
    'xjp_shed_total',
    ['reason'],
    'Calls this gateway refused with a 503 of its own: no place, behind with its work, a full journal, every circuit open, a drain.',
  ),
  overloaded: gauge(
    'xjp_overloaded',
    [],
    'max',
    '1 while the process is behind with its work and refuses new calls (limits.max_delay_ms).',
  ),
  draining: gauge('xjp_draining', [], 'max', '1 while the gateway drains: it takes no new work.'),

  journalBytes: gauge(
    'xjp_journal_bytes',
    [],
    'sum',
    'Size of the journal of usage that is not in the database yet.',
    'bytes',
  ),
  journalRows: gauge(
    'xjp_journal_rows_waiting',
    [],
    'sum',
    'Rows of usage that are not in the database yet.',
  ),
  journalLag: gauge(
    'xjp_journal_lag_seconds',
    [],
    'max',
    'Age of the oldest row of usage that is not in the database yet, at most; 0 when none waits.',
    'seconds',
  ),
  journalRefuses: gauge(
    'xjp_journal_refusing',
    [],
    'max',
    '1 while new calls are refused because usage cannot be written down.',
  ),
  stores: gauge('xjp_store_up', ['store'], 'min', '1 while a store answers, 0 while it is away.'),
  keys: gauge('xjp_keys', [], 'max', 'API keys in memory.'),
  keyAge: gauge(
    'xjp_key_cache_age_seconds',
    [],
    'max',
    'Time since the database was last heard about API keys: so old may what is known of them be.',
    'seconds',
  ),

  build: gauge('xjp_build_info', ['version', 'runtime'], 'max', 'Always 1; the labels say what is running.'),
  config: gauge(
    'xjp_config_info',
    ['version'],
    'sum',
    'How many workers run on this version of the configuration.',
  ),
  configLoaded: gauge(
    'xjp_config_loaded_timestamp_seconds',
    [],
    'max',
    'When the live configuration was loaded, in seconds since 1970.',
    'seconds',
  ),
  reloads: counter(
    'xjp_config_reloads_total',
    ['result'],
    'Reloads of the configuration: ok, or refused, and then the old one stayed.',
  ),

  cpu: counter('xjp_process_cpu_seconds_total', [], 'CPU time of the process.', 'seconds', 'worker'),
  memory: gauge(
    'xjp_process_resident_memory_bytes',
    [],
    'worker',
    'Memory of the process that is in RAM.',
    'bytes',
  ),
  openFiles: gauge('xjp_process_open_fds', [], 'worker', 'Open files and sockets.'),
  mostFiles: gauge('xjp_process_max_fds', [], 'worker', 'How many files and sockets may be open.'),
  started: gauge(
    'xjp_process_start_time_seconds',
    [],
    'worker',
    'When the process was started, in seconds since 1970.',
    'seconds',
  ),
  loopDelay: times(
    'xjp_event_loop_delay_seconds',
    [],
    ownTimes,
    'How late a timer came, looked at ten times a second: for so long nothing else was done.',
  ),

  escaped: counter(
    'xjp_uncaught_errors_total',
    [],
    'Errors that nothing in the code caught: each is a defect, and the gateway goes on.',
  ),
  logLinesLost: counter('xjp_log_lines_lost_total', [], 'Lines of the log that could not be written.'),
  telemetryDropped: counter(
    'xjp_telemetry_dropped_total',
    ['signal'],
    'Spans and samples that were thrown away because nobody took them in time.',
  ),
  namesFolded: counter(
    'xjp_metrics_folded_total',
    ['label'],
    'Values of a label that were counted as other: names nobody configured, and those there was no room for.',
  ),
  readErrors: counter('xjp_metrics_read_errors_total', [], 'Metrics that could not be read when asked for.'),
} as const

/** What the values of a label are. */
export const labelMeanings: Readonly<Record<string, string>> = {
  model:
    'the public name the client asked for, when the configuration knows it or an upstream has answered under it; before that the pattern it fits, or `other` for invented ones; `none` for requests that never said',
  provider: 'name of the provider in the configuration; `none` when no upstream was asked',
  tenant: 'tenant of the key; `open` without keys',
  status: 'HTTP status the client saw',
  endpoint: '`chat.completions`, `messages`, `messages.count_tokens`',
  token_type: '`prompt`, `completion`, `cached`, `cache_write`, `reasoning`',
  error:
    'kind of the error ([troubleshooting](../guide/troubleshooting.md)); `client_closed` when the client left',
  ended_by: '`client`, `upstream`, `gateway`',
  limit: 'the code of the limit, as in `x-xjp-limit`',
  reason: 'one word; for attempts why this target, else why not',
  outcome: '`ok`, `lost` (another attempt was first), `open` (it had no end), or the kind of the error',
  target: '`provider/model` of the upstream',
  state: '`closed`, `open`, `half_open`',
  to: 'the state that was come to',
  store: '`database`, `redis`',
  version: 'of the program, or of the configuration as in `/readyz`',
  runtime: 'the runtime and its version',
  result: '`ok`, `refused`',
  signal: '`spans`, `samples`',
  label: 'name of the label',
  worker: 'number of the worker, with `--workers`',
}
