/** The members of a request besides `model` and `stream`, in each client dialect. ASCII only: a byte a character. */
interface Prompt {
  'chat-completions': object
  messages: object
}

const SENTENCE = 'The quick brown fox jumps over the lazy dog while the gateway counts every token. '
const words = (length: number): string =>
  SENTENCE.repeat(Math.ceil(length / SENTENCE.length)).slice(0, length)

/** One question, about a kilobyte in all. */
export const smallPrompt: Prompt = {
  'chat-completions': {
    max_tokens: 1_000,
    temperature: 0.7,
    messages: [
      { role: 'system', content: words(250) },
      { role: 'user', content: words(550) },
    ],
  },
  messages: {
    max_tokens: 1_000,
    temperature: 0.7,
    system: words(250),
    messages: [{ role: 'user', content: words(550) }],
  },
}

const TOOL_COUNT = 20
const ROUND_COUNT = 30

const parameters = (tool: number): object => ({
  type: 'object',
  properties: {
    path: { type: 'string', description: words(120 + tool) },
    pattern: { type: 'string', description: words(160) },
    limit: { type: 'integer', minimum: 1, maximum: 1_000 },
    flags: { type: 'array', items: { type: 'string', enum: ['case', 'multiline', 'word'] } },
  },
  required: ['path'],
})

const toolNames = Array.from({ length: TOOL_COUNT }, (_, tool) => `tool_${tool}`)
const rounds = Array.from({ length: ROUND_COUNT }, (_, round) => ({
  id: `call_${round}`,
  name: toolNames[round % TOOL_COUNT] ?? 'tool_0',
  input: { path: `src/file_${round}.ts`, pattern: words(60), limit: round },
  result: words(1_900),
}))

/** A coding agent in the middle of its work: a long system prompt, tools, and rounds of calls; about 100 KB. */
export const agentPrompt: Prompt = {
  'chat-completions': {
    max_tokens: 32_000,
    tools: toolNames.map((name, tool) => ({
      type: 'function',
      function: { name, description: words(600), parameters: parameters(tool) },
    })),
    messages: [
      { role: 'system', content: words(12_000) },
      { role: 'user', content: words(500) },
      ...rounds.flatMap(({ id, name, input, result }) => [
        {
          role: 'assistant',
          content: words(80),
          tool_calls: [{ id, type: 'function', function: { name, arguments: JSON.stringify(input) } }],
        },
        { role: 'tool', tool_call_id: id, content: result },
      ]),
    ],
  },
  messages: {
    max_tokens: 32_000,
    system: words(12_000),
    tools: toolNames.map((name, tool) => ({
      name,
      description: words(600),
      input_schema: parameters(tool),
    })),
    messages: [
      { role: 'user', content: words(500) },
      ...rounds.flatMap(({ id, name, input, result }) => [
        {
          role: 'assistant',
          content: [
            { type: 'text', text: words(80) },
            { type: 'tool_use', id, name, input },
          ],
        },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: id, content: result }] },
      ]),
    ],
  },
}
