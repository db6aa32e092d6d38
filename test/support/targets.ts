import type { UpstreamTarget } from '../../src/protocol/dialects/dialect.ts'
import type { Capabilities } from '../../src/protocol/model/capabilities.ts'

/** An upstream that takes everything any wire can say: each wire's suite names what its own cannot. */
const everything: Omit<Capabilities, 'opaqueDialect'> = {
  systemRole: 'system',
  systemAnywhere: true,
  maxTokensField: 'max_tokens',
  defaultMaxOutputTokens: 4096,
  sampling: 'all',
  maxTemperature: 2,
  topK: true,
  seed: true,
  penalties: true,
  logitBias: true,
  logprobs: true,
  candidates: true,
  verbosity: true,
  maxStop: 4,
  reasoningStyle: 'effort',
  efforts: ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'],
  reasoningOff: true,
  reasoningByDefault: false,
  reasoningField: 'none',
  reasoningReplay: 'signed',
  forcedToolChoice: true,
  parallelToggle: true,
  customTools: true,
  toolResultMedia: true,
  imageUrl: true,
  images: true,
  documents: true,
  documentUrl: true,
  audio: true,
  video: true,
  jsonSchema: 'native',
  schemaForm: 'json-schema',
  jsonWithTools: true,
  prefill: true,
  functionCallIds: true,
  webSearch: true,
  cacheMarks: 'cache-control',
  streamUsage: true,
  strictTools: true,
  thoughtSignatures: false,
  betas: [],
  serviceTier: true,
  metadata: true,
  endUser: true,
}

/** A target of the suite's wire; a test names the capabilities and settings it is about. */
export type TargetWith = (
  capabilities?: Partial<Capabilities>,
  settings?: Partial<UpstreamTarget>,
) => UpstreamTarget

/** Makes a suite's targets: `wire` is what its wire cannot do or does in its own way. */
export function targets(
  wire: Pick<Capabilities, 'opaqueDialect'> & Partial<Capabilities>,
  usual: Pick<UpstreamTarget, 'maker' | 'documentPolicy'>,
): TargetWith {
  return (capabilities = {}, settings = {}) => ({
    model: 'upstream-model',
    thinkingMap: [],
    ...usual,
    ...settings,
    capabilities: { ...everything, ...wire, ...capabilities },
  })
}
