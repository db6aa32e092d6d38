import type { Client } from '../rig/clients/ask.ts'

/** The upstreams of the matrix: one column each. */
export interface Column {
  /** Heading of the table. */
  name: string
  /** Public model name of a gateway without a configuration file. */
  model: string
  /** Other models for single rows, by name of the scenario. */
  models?: Readonly<Record<string, string>>
  /** The client that speaks this upstream's own dialect, if any: its bytes pass, and the vendor itself refuses. */
  ownClient?: Client['name']
  /** The answer shows the model's thinking. */
  showsThinking: boolean
  /** What the upstream says about the state of the turn before: its own came back, or it keeps none. */
  state: 'own' | 'missing'
  /** The wire reports tokens written to the cache. */
  reportsCacheWrites: boolean
  /** The wire says which stop sequence was hit. */
  reportsStopSequence: boolean
  /** The wire says why it refused. */
  explainsRefusals: boolean
  /**
   * What this upstream cannot take, by name of the scenario. The gateway itself must answer 400 and name the field,
   * before it calls anybody; a client of the upstream's own dialect gets the vendor's own 400.
   */
  lacks: Readonly<Record<string, Lack>>
}

export interface Lack {
  /** A word of the error message: the field in the client's spelling. */
  field: RegExp
  /** For the table. */
  why: string
  /** Only for this client; the other gets what it asked for, in another way. */
  client?: Client['name']
}

const oneAnswer: Lack = { field: /\bn\b/, why: 'one answer only' }
const noAudio: Lack = { field: /messages\[0\]\.content\[1\]/, why: 'no audio input' }
const noImages: Lack = { field: /messages\[\d\]\.content/, why: 'no images' }
const noAddresses: Lack = { field: /messages\[0\]\.content\[1\]/, why: 'no addresses: send base64' }
const noSchema: Lack = { field: /response_format/, why: 'no schemas', client: 'openai' }
const noDocuments: Lack = { field: /messages\[0\]\.content\[1\]/, why: 'no documents' }

const claude = {
  ownClient: 'anthropic',
  showsThinking: true,
  state: 'own',
  reportsCacheWrites: true,
  reportsStopSequence: true,
  explainsRefusals: true,
} as const

const gemini = {
  showsThinking: true,
  state: 'own',
  reportsCacheWrites: false,
  reportsStopSequence: false,
  explainsRefusals: false,
} as const

const chat = {
  ownClient: 'openai',
  state: 'missing',
  reportsCacheWrites: true,
  reportsStopSequence: false,
  explainsRefusals: true,
} as const

export const columns: readonly Column[] = [
  {
    ...chat,
    name: 'OpenAI',
    model: 'openai/gpt-4.1',
    models: { thinking: 'openai/gpt-5.2', 'audio input': 'openai/gpt-4o-audio-preview' },
    showsThinking: false,
    lacks: {},
  },
  {
    ...claude,
    name: 'Anthropic',
    model: 'anthropic/claude-sonnet-4-5',
    lacks: { 'two answers (n = 2)': oneAnswer, 'audio input': noAudio },
  },
  { ...gemini, name: 'Gemini', model: 'gemini/gemini-3-pro-preview', lacks: {} },
  { ...gemini, name: 'Vertex Gemini', model: 'vertex/gemini-2.5-flash', lacks: {} },
  {
    ...claude,
    name: 'Vertex Claude',
    model: 'vertex/claude-sonnet-4-5@20250929',
    lacks: { 'two answers (n = 2)': oneAnswer, 'audio input': noAudio, 'image (URL)': noAddresses },
  },
  {
    ...chat,
    name: 'OpenRouter',
    model: 'openrouter/anthropic/claude-sonnet-4.5',
    models: {
      'audio input': 'openrouter/google/gemini-2.5-pro',
      'two answers (n = 2)': 'openrouter/openai/gpt-4o-mini',
    },
    showsThinking: true,
    state: 'own',
    lacks: {},
  },
  {
    ...claude,
    name: 'Clewdr',
    model: 'clewdr/claude-sonnet-4-5-20250929',
    lacks: { 'two answers (n = 2)': oneAnswer, 'audio input': noAudio },
  },
  {
    ...chat,
    name: 'DeepSeek',
    model: 'deepseek/deepseek-reasoner',
    showsThinking: true,
    state: 'own',
    lacks: {
      'two answers (n = 2)': oneAnswer,
      'audio input': noAudio,
      'image (base64)': noImages,
      'image (URL)': noImages,
      'document (PDF)': noDocuments,
      'document (text)': { ...noDocuments, client: 'openai' },
      'tool result with an image': noImages,
      'structured output': noSchema,
    },
  },
]
