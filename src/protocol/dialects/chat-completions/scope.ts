import type { Capabilities } from '../../model/capabilities.ts'
import type { Losses } from '../../model/dropped.ts'
import type { ChatRequest } from '../../model/request.ts'
import type { UpstreamTarget } from '../dialect.ts'

/** What every part of the request encoder needs. */
export interface Scope {
  request: ChatRequest
  target: UpstreamTarget
  capabilities: Capabilities
  losses: Losses
}
