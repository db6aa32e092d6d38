/** One request to a gateway, read to its end. */
export interface Asked {
  key: string
  content?: string
  stream?: boolean
  model?: string
  path?: string
  /** More members of the body. */
  more?: Record<string, unknown>
  headers?: Record<string, string>
  signal?: AbortSignal
}

export interface Answered {
  status: number
  headers: Headers
  text: string
  milliseconds: number
}

export async function ask(url: string, asked: Asked): Promise<Answered> {
  const begun = performance.now()
  const response = await open(url, asked)
  const text = await response.text()
  return { status: response.status, headers: response.headers, text, milliseconds: performance.now() - begun }
}

/** The response as soon as its headers are there. */
export function open(url: string, asked: Asked): Promise<Response> {
  const { key, content = 'hello', stream = false, model = 'chat-completions', more, signal } = asked
  return fetch(url + (asked.path ?? '/v1/chat/completions'), {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}`, ...asked.headers },
    body: JSON.stringify({ model, stream, messages: [{ role: 'user', content }], ...more }),
    ...(signal ? { signal } : {}),
  })
}

export function countOf(answers: readonly { status: number }[], status: number): number {
  return answers.filter((answer) => answer.status === status).length
}

/** A header that says a number; throws when it is missing. */
export function numberIn(answer: Answered, name: string): number {
  const value = answer.headers.get(name)
  if (value === null) throw new Error(`${name} is missing from ${[...answer.headers.keys()].join(', ')}`)
  return Number(value)
}

/** Tokens that the answer says it used. */
export function tokensIn({ text }: Answered): number {
  return (JSON.parse(text) as { usage: { total_tokens: number } }).usage.total_tokens
}

/** Waits until it holds; throws after the time. */
export async function until(holds: () => Promise<boolean> | boolean, milliseconds = 5_000): Promise<void> {
  const end = performance.now() + milliseconds
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`it did not come to hold within ${milliseconds} ms`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
