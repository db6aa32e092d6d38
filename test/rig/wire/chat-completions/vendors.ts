/** How one vendor's chat completions differ on the wire (protocol.md §1.5, §5.2). */
export interface ChatVendor {
  /** Field for readable reasoning: none, `reasoning_content`, or `reasoning` with `reasoning_details`. */
  reasoning: 'none' | 'content' | 'details'
  /** When usage is streamed: in its own chunk if asked for, on the finishing chunk, or always in its own chunk. */
  usage: 'asked' | 'finish' | 'always'
  /** Unknown top-level fields are refused. */
  closed: boolean
  /** `: … PROCESSING` comments in streams. */
  comments: boolean
  developerRole: boolean
  /** Turns that called tools must come back with their reasoning. */
  replay: boolean
  /** `error.code` is the HTTP status as a number. */
  numericErrorCode: boolean
  /** Types of content parts by role, where they differ from OpenAI's. */
  parts: Readonly<Record<string, readonly string[]>>
  /** Structured output by schema; false: `json_object` only. */
  jsonSchema: boolean
  /** More than one answer to a request. */
  severalAnswers: boolean
  /** Models that reason whether or not they are asked. */
  alwaysReasons?: RegExp
}

const compatible: ChatVendor = {
  reasoning: 'content',
  usage: 'finish',
  closed: false,
  comments: false,
  developerRole: false,
  replay: false,
  numericErrorCode: false,
  parts: {},
  jsonSchema: true,
  severalAnswers: true,
}

const ROUTER_PARTS = ['text', 'image_url', 'input_audio', 'file', 'video_url']

const vendors: Record<string, ChatVendor> = {
  openai: { ...compatible, reasoning: 'none', usage: 'asked', closed: true, developerRole: true },
  openrouter: {
    ...compatible,
    reasoning: 'details',
    usage: 'always',
    comments: true,
    developerRole: true,
    numericErrorCode: true,
    parts: { user: ROUTER_PARTS, tool: ROUTER_PARTS },
  },
  deepseek: {
    ...compatible,
    replay: true,
    parts: { user: ['text'] },
    jsonSchema: false,
    severalAnswers: false,
    alwaysReasons: /reasoner/,
  },
}

export function chatVendor(name: string): ChatVendor {
  return vendors[name] ?? compatible
}
