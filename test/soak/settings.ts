import type { KeyLimits } from '../../src/store/ports/keys.ts'

/** A few tenants are held short, so that limits refuse some calls all the time; many have limits they never reach. */
export function limitsOf(number: number): KeyLimits {
  if (number === 0) return { requestsPerMinute: 20 }
  if (number === 1) return { concurrency: 1 }
  if (number === 2) return { tokensPerMinute: 20_000 }
  if (number % 4 === 0)
    return { tokensPerMinute: 1_000_000_000, concurrency: 10_000, requestsPerDay: 1_000_000_000 }
  if (number % 4 === 1) return { budgetPerDay: 10n ** 18n, tokensPerDay: 1_000_000_000 }
  return {}
}

/**
 * A gateway with everything switched on; times are short, so that what goes wrong does so often, and what is kept of
 * answers is kept for a minute, so that it is as much at the fifth minute as after hours.
 */
export function gatewayToml(tenants: number, collectorUrl: string, logFile: string): string {
  return `
[auth]
mode = "keys"

[server]
drain_seconds = 10
keep_alive_ms = 1000

[limits]
max_inflight = 500
queue = { size = 200, wait_ms = 500 }

[rate_limiting]
default_rpm = 1000000

[timeouts]
connect_ms = 1000
first_byte_ms = 2000
idle_ms = 2000
total_ms = 45000

[retry]
max_retries = 2
backoff_ms = 50
max_retry_after_ms = 1500

[circuit]
failure_threshold = 8
open_ms = 3000
probes = 2

[idempotency]
replay_streams = true
ttl_seconds = 60

[usage]
retention_days = 1

[redis]
prefix = "soak:"

[prices."*"]
input = 1
output = 2

[observability]
trace_content = true
trace_sample_rate = 0.5
dump_downstream = true

[observability.logging]
file = ${JSON.stringify(logFile)}
max_file_bytes = 10000000
max_files = 2

[observability.otlp_http]
base_url = "${collectorUrl}"
timeout_ms = 2000

[observability.exporters]
tracing = "otlp_http"
metrics = "otlp_http"

[observability.samples]
enabled = true
rate = 0.05
tenants = ["tenant-*"]
retention_days = 1

${Array.from({ length: Math.min(tenants, 20) }, (_, number) => `[tenants."tenant-${number}"]\nrpm = 1000000\n`).join('')}
[models.chat]
primary = { provider = "openai", provider_model_id = "gpt-4.1" }
fallback = { provider = "anthropic", provider_model_id = "claude-opus-4-6" }

[models.claude]
sticky = true
[[models.claude.routes]]
provider = "anthropic"
provider_model_id = "claude-sonnet-4-5"
[[models.claude.routes]]
provider = "openrouter"
provider_model_id = "anthropic/claude-sonnet-4.5"
[[models.claude.routes]]
provider = "openai"
provider_model_id = "gpt-4o-mini"

[models.gemini]
balance = "latency"
[models.gemini.hedge]
after_ms = 300
budget = 0.2
[[models.gemini.routes]]
provider = "gemini"
provider_model_id = "gemini-2.5-flash"
[[models.gemini.routes]]
provider = "openai"
provider_model_id = "gpt-4.1"

[models.spread]
[[models.spread.routes]]
provider = "openai"
provider_model_id = "gpt-4.1"
weight = 3
[[models.spread.routes]]
provider = "deepseek"
provider_model_id = "deepseek-chat"
weight = 2
[[models.spread.routes]]
provider = "gemini"
provider_model_id = "gemini-2.5-flash"
weight = 1

[models.single.primary]
provider = "openai"
provider_model_id = "gpt-4o-mini"
`
}
