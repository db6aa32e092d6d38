import fc from 'fast-check'
import { type Fields, fields, list, parseJson, text } from '../../rig/json.ts'

/** A conversation in nobody's dialect: what must survive every translation. */
export interface Conversation {
  system?: string
  tools: { name: string; description: string; parameters: Fields }[]
  choice: 'auto' | 'none' | 'required' | { name: string }
  turns: Turn[]
}

type Turn =
  | { role: 'user'; text: string }
  | { role: 'assistant'; text?: string; calls: { id: string; name: string; input: Fields; result: string }[] }

/** Text that says something at both ends: blank edges are trimmed by some wires. */
const words = fc.string({ unit: 'grapheme', maxLength: 24 }).map((middle) => `<${middle}>`)
const name = fc.stringMatching(/^[a-zA-Z_][a-zA-Z0-9_-]{0,20}$/)
const id = fc.stringMatching(/^[a-zA-Z0-9_-]{6,30}$/)
const plain = fc
  .dictionary(
    fc.string({ unit: 'grapheme', maxLength: 8 }),
    fc.jsonValue({ maxDepth: 3 }) as fc.Arbitrary<unknown>,
    {
      maxKeys: 4,
    },
  )
  // JSON has one zero.
  .map((value) => fields(parseJson(JSON.stringify(value))))
const parameters = fc.uniqueArray(name, { maxLength: 3 }).map((names) => ({
  type: 'object',
  properties: Object.fromEntries(names.map((one) => [one, { type: 'string' }])),
  required: names,
}))

const toolList = fc.uniqueArray(fc.record({ name, description: words, parameters }), {
  minLength: 1,
  maxLength: 3,
  selector: (tool) => tool.name,
})

function turnsWith(names: readonly string[]): fc.Arbitrary<Turn[]> {
  const call = fc.record({ id, name: fc.constantFrom(...names), input: plain, result: words })
  const assistant = fc
    .record({ text: fc.option(words, { nil: undefined }), calls: fc.array(call, { maxLength: 3 }) })
    .map((turn) => ({
      role: 'assistant' as const,
      ...(turn.calls.length === 0 ? { ...turn, text: turn.text ?? '<nothing>' } : turn),
    }))
  const user = words.map((said) => ({ role: 'user' as const, text: said }))
  return fc
    .array(fc.tuple(user, assistant), { maxLength: 4 })
    .chain((pairs) => user.map((last): Turn[] => unique([...pairs.flat(), last])))
}

/** Ids are used once in a conversation. */
function unique(turns: Turn[]): Turn[] {
  const seen = new Set<string>()
  for (const turn of turns)
    for (const call of turn.role === 'assistant' ? turn.calls : []) {
      while (seen.has(call.id)) call.id += '-'
      seen.add(call.id)
    }
  return turns
}

export const conversations: fc.Arbitrary<Conversation> = toolList.chain((tools) => {
  const names = tools.map((tool) => tool.name)
  const choice = fc.oneof(
    fc.constantFrom('auto' as const, 'none' as const, 'required' as const),
    fc.constantFrom(...names).map((one) => ({ name: one })),
  )
  return fc
    .record({ tools: fc.constant(tools), choice, turns: turnsWith(names) })
    .chain((rest) =>
      fc
        .option(words, { nil: undefined })
        .map((system) => ({ ...rest, ...(system === undefined ? {} : { system }) })),
    )
})

export function asChat({ system, tools, choice, turns }: Conversation): Fields {
  const messages: Fields[] = system === undefined ? [] : [{ role: 'system', content: system }]
  for (const turn of turns) {
    if (turn.role === 'user') {
      messages.push({ role: 'user', content: turn.text })
      continue
    }
    const calls = turn.calls.map((call) => ({
      id: call.id,
      type: 'function',
      function: { name: call.name, arguments: JSON.stringify(call.input) },
    }))
    messages.push({
      role: 'assistant',
      content: turn.text ?? null,
      ...(calls.length > 0 ? { tool_calls: calls } : {}),
    })
    for (const call of turn.calls)
      messages.push({ role: 'tool', tool_call_id: call.id, content: call.result })
  }
  return {
    model: 'm',
    messages,
    tools: tools.map((tool) => ({ type: 'function', function: tool })),
    tool_choice: typeof choice === 'string' ? choice : { type: 'function', function: choice },
  }
}

export function asMessages({ system, tools, choice, turns }: Conversation): Fields {
  const messages: { role: string; content: Fields[] }[] = []
  const put = (role: string, ...content: Fields[]): void => {
    const last = messages.at(-1)
    if (last?.role === role) last.content.push(...content)
    else messages.push({ role, content })
  }
  for (const turn of turns) {
    if (turn.role === 'user') {
      put('user', { type: 'text', text: turn.text })
      continue
    }
    if (turn.text !== undefined) put('assistant', { type: 'text', text: turn.text })
    for (const { id: callId, name: tool, input } of turn.calls)
      put('assistant', { type: 'tool_use', id: callId, name: tool, input })
    for (const call of turn.calls)
      put('user', {
        type: 'tool_result',
        tool_use_id: call.id,
        content: [{ type: 'text', text: call.result }],
      })
  }
  const words = { auto: 'auto', none: 'none', required: 'any' }
  return {
    model: 'm',
    max_tokens: 100,
    ...(system === undefined ? {} : { system }),
    messages,
    tools: tools.map(({ parameters: schema, ...tool }) => ({ ...tool, input_schema: schema })),
    tool_choice: typeof choice === 'string' ? { type: words[choice] } : { type: 'tool', name: choice.name },
  }
}

/** One thing that is said or done, in order. */
export type Item = readonly unknown[]

function textIn(content: unknown): string {
  if (typeof content === 'string') return content
  return list(content)
    .map((part) => text(fields(part)['text']))
    .join('')
}

export function itemsOfChat(body: unknown): Item[] {
  const items: Item[] = []
  for (const message of list(fields(body)['messages']).map(fields)) {
    const role = text(message['role'])
    const said = textIn(message['content'])
    if (role === 'tool') items.push(['result', message['tool_call_id'], said])
    else if (said !== '') items.push([role, said])
    for (const call of list(message['tool_calls']).map(fields)) {
      const made = fields(call['function'])
      items.push(['call', call['id'], made['name'], parseJson(text(made['arguments']))])
    }
  }
  return items
}

export function itemsOfMessages(body: unknown): Item[] {
  const items: Item[] = []
  const system = textIn(fields(body)['system'])
  if (system !== '') items.push(['system', system])
  for (const message of list(fields(body)['messages']).map(fields)) {
    const content = message['content']
    const blocks = typeof content === 'string' ? [{ type: 'text', text: content }] : list(content).map(fields)
    for (const block of blocks) {
      if (block['type'] === 'text') items.push([message['role'], block['text']])
      if (block['type'] === 'tool_use') items.push(['call', block['id'], block['name'], block['input']])
      if (block['type'] === 'tool_result')
        items.push(['result', block['tool_use_id'], textIn(block['content'])])
    }
  }
  return items
}

/** What may be used and what must be, in the words of the conversation. */
export function toolsOfChat(body: unknown): unknown {
  const choice = fields(body)['tool_choice']
  const named = fields(fields(choice)['function'])['name']
  return {
    tools: list(fields(body)['tools']).map((tool) => {
      const { name: called, description, parameters: schema } = fields(fields(tool)['function'])
      return { name: called, description, parameters: schema }
    }),
    choice: named === undefined ? (choice ?? 'auto') : { name: named },
  }
}

export function toolsOfMessages(body: unknown): unknown {
  const choice = fields(fields(body)['tool_choice'])
  const words: Record<string, string> = { any: 'required', auto: 'auto', none: 'none' }
  return {
    tools: list(fields(body)['tools']).map((tool) => {
      const { name: called, description, input_schema: schema } = fields(tool)
      return { name: called, description, parameters: schema }
    }),
    choice: choice['type'] === 'tool' ? { name: choice['name'] } : (words[text(choice['type'])] ?? 'auto'),
  }
}
