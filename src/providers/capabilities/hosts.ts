import type { HostFacts } from './row.ts'

/** Fields outside the common core that small compatible servers refuse or ignore. */
const few = { logitBias: false, candidates: false, serviceTier: false, metadata: false } as const

/** Betas of the messages dialect that Vertex is known to take; others answer 400 there (protocol.md §1.3). */
const vertexBetas = [
  'interleaved-thinking-2025-05-14',
  'context-1m-2025-08-07',
  'context-management-2025-06-27',
  'fine-grained-tool-streaming-2025-05-14',
  'token-efficient-tools-2025-02-19',
  'output-128k-2025-02-19',
  'compact-2026-01-12',
  'tool-search-tool-2025-10-19',
] as const

/** A vendor's messages endpoint beside its main one: budgets, but no marks, betas or documents (§5.4). */
const reducedMessages = {
  messages: {
    reasoningStyle: 'budget',
    efforts: [],
    reasoningOff: true,
    cacheMarks: 'none',
    betas: [],
    documents: false,
    documentUrl: false,
    imageUrl: false,
  },
} as const satisfies HostFacts['in']

/** What each provider does its own way, by provider id (protocol.md §1.5, §2.9, §5). */
export const hosts: Readonly<Record<string, HostFacts>> = {
  anthropic: {
    defaults: { webSearch: true, serviceTier: true },
    always: { betas: 'all' },
  },
  /** Converts budgets, efforts and sampling by itself, so nothing it knows is worth refusing (§5.1). */
  clewdr: { always: { betas: 'all' }, defaults: { webSearch: true } },
  vertex: {
    in: { messages: { webSearch: true }, 'generate-content': { functionCallIds: false, serviceTier: false } },
    alwaysIn: {
      messages: { betas: vertexBetas, imageUrl: false, documentUrl: false },
      'generate-content': { metadata: true, serviceTier: false },
    },
  },
  gemini: { in: { 'generate-content': { functionCallIds: true } } },
  openai: {
    defaults: {
      strictTools: true,
      serviceTier: true,
      metadata: true,
      reasoningField: 'none',
      documents: true,
    },
  },
  azure: { defaults: { strictTools: true, metadata: true, reasoningField: 'none', documents: true } },
  /** Maps efforts to every maker's own form and reads the parts of all of them (§5.2). */
  openrouter: {
    defaults: { strictTools: true, topK: true, reasoningReplay: 'signed' },
    alwaysIn: {
      'chat-completions': {
        systemRole: 'system',
        systemAnywhere: true,
        maxTokensField: 'max_tokens',
        reasoningStyle: 'reasoning-object',
        reasoningField: 'reasoning',
        efforts: ['minimal', 'low', 'medium', 'high', 'xhigh'],
        verbosity: true,
        customTools: false,
        toolResultMedia: true,
        imageUrl: true,
        documents: true,
        documentUrl: true,
        audio: true,
        video: true,
        serviceTier: true,
        metadata: true,
        webSearch: true,
      },
      messages: { betas: [] },
    },
  },
  deepseek: {
    defaults: {
      ...few,
      seed: false,
      images: false,
      audio: false,
      jsonSchema: 'tool',
      maxStop: 16,
      strictTools: false,
      reasoningReplay: 'always',
    },
    alwaysIn: reducedMessages,
  },
  moonshot: {
    defaults: { ...few, seed: false, logprobs: false, maxStop: 5, prefill: true, audio: false },
    always: { maxTemperature: 1 },
    alwaysIn: reducedMessages,
  },
  groq: {
    defaults: {
      ...few,
      maxTokensField: 'max_completion_tokens',
      logprobs: false,
      reasoningField: 'reasoning',
      audio: false,
      serviceTier: true,
    },
    always: { maxTokensField: 'max_completion_tokens', reasoningField: 'reasoning', topK: false },
  },
  together: { defaults: { topK: true, candidates: true, endUser: false } },
  mistral: {
    defaults: {
      ...few,
      candidates: true,
      logprobs: false,
      endUser: false,
      prefill: true,
      streamUsage: false,
      strictTools: true,
      callId: { pattern: /^[a-zA-Z0-9]{9}$/, length: 9, maxLength: 9 },
    },
    always: { maxTemperature: 1.5 },
  },
  xai: { defaults: { logitBias: false, reasoningField: 'reasoning_content', strictTools: true } },
  cerebras: {
    defaults: {
      ...few,
      maxTokensField: 'max_completion_tokens',
      penalties: false,
      images: false,
      audio: false,
      strictTools: true,
      reasoningField: 'reasoning',
    },
    always: { maxTokensField: 'max_completion_tokens', reasoningField: 'reasoning', maxTemperature: 1.5 },
  },
  fireworks: { defaults: { topK: true } },
  perplexity: {
    defaults: {
      ...few,
      seed: false,
      logprobs: false,
      forcedToolChoice: false,
      parallelToggle: false,
      webSearch: true,
      maxStop: 0,
      endUser: false,
      topK: true,
    },
  },
  nvidia: { defaults: { ...few, endUser: false } },
  huggingface: { defaults: { logitBias: false, endUser: false } },
  zai: {
    defaults: { ...few, seed: false, penalties: false, logprobs: false, maxStop: 1, jsonSchema: 'tool' },
    always: { forcedToolChoice: false, maxTemperature: 1 },
    alwaysIn: reducedMessages,
  },
  alibaba: { defaults: { ...few, candidates: true, topK: true, forcedToolChoice: true, endUser: false } },
  siliconflow: { defaults: { ...few, topK: true, endUser: false } },
  minimax: {
    defaults: { ...few, seed: false, logprobs: false, penalties: false, images: false, endUser: false },
    always: { maxTemperature: 1 },
    alwaysIn: reducedMessages,
  },
  ollama: {
    defaults: {
      ...few,
      imageUrl: false,
      forcedToolChoice: false,
      parallelToggle: false,
      reasoningField: 'reasoning',
      audio: false,
      endUser: false,
    },
    always: { imageUrl: false, forcedToolChoice: false, candidates: false, logitBias: false },
    alwaysIn: reducedMessages,
  },
  vllm: {
    defaults: { topK: true, reasoningField: 'reasoning', video: true },
    always: { topK: true, reasoningField: 'reasoning', systemRole: 'system', maxTokensField: 'max_tokens' },
    alwaysIn: reducedMessages,
  },
  lmstudio: {
    defaults: { ...few, topK: true, imageUrl: false, audio: false },
    always: { imageUrl: false },
    alwaysIn: reducedMessages,
  },
  localai: { defaults: { ...few, topK: true } },
  llamacpp: { defaults: { ...few, topK: true, imageUrl: false }, always: { imageUrl: false } },
  /** Text in, text out: what cannot be said on standard input is named, not sent. */
  process: {
    defaults: {
      sampling: 'all',
      topK: false,
      seed: false,
      penalties: false,
      logitBias: false,
      logprobs: false,
      candidates: false,
      maxStop: 0,
      images: false,
      imageUrl: false,
      audio: false,
      documents: false,
      forcedToolChoice: false,
      parallelToggle: false,
      jsonSchema: 'none',
      streamUsage: false,
      endUser: false,
    },
  },
}
