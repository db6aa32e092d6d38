import type { Capabilities } from '../protocol/model/capabilities.ts'
import type { DialectName } from '../protocol/model/origin.ts'
import type { Provider, ProviderSettings } from '../providers/provider.ts'
import type { Timeouts } from '../upstream/deadline.ts'

/** One provider and one of its models: where an attempt goes. */
export interface Target {
  provider: Provider
  settings: ProviderSettings
  /** The upstream's own name for the model. */
  model: string
  /** `provider/model`: the maker of opaque values, the label in logs. */
  label: string
  /** Absent for providers inside the machine. */
  dialect: DialectName | undefined
  capabilities: Capabilities
  timeouts: Timeouts
  retry: { maxRetries: number; backoffMs: number }
}
