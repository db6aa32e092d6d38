import { at, type Fields, fields, list, text } from '../../json.ts'
import type { Problem, WireRequest } from '../dialect.ts'
import { generation } from './models.ts'
import { signatureState } from './read.ts'

interface WireTurn {
  isModel: boolean
  parts: Fields[]
}

function calls(turn: WireTurn | undefined): Fields[] {
  return (turn?.parts ?? []).filter((part) => part['functionCall'] !== undefined)
}

function responses(turn: WireTurn | undefined): Fields[] {
  return (turn?.parts ?? []).filter((part) => part['functionResponse'] !== undefined)
}

/** N calls are answered by N results, in order, in the very next turn; calls follow the user or results. */
function* callProblems(turns: readonly WireTurn[], index: number): Iterable<Problem> {
  const turn = turns[index]
  const path = `contents[${index}]`
  const made = calls(turn)
  const answered = responses(turns[index + 1])
  if (made.length > 0 && made.length !== answered.length)
    yield {
      path,
      message:
        'Please ensure that the number of function response parts is equal to the number of function call parts of the function call turn.',
    }
  for (const [place, call] of made.entries())
    if (text(at(call, 'functionCall', 'name')) !== text(at(answered[place], 'functionResponse', 'name')))
      yield { path, message: 'Please ensure that function response names match the function call names.' }
  if (made.length > 0 && (index === 0 || turns[index - 1]?.isModel))
    yield {
      path,
      message:
        'Please ensure that function call turn comes immediately after a user turn or after a function response turn.',
    }
  if (responses(turn).length > 0 && calls(turns[index - 1]).length === 0)
    yield {
      path,
      message: 'Please ensure that function response turn comes immediately after a function call turn.',
    }
}

/** From generation 3 on the first call of each model turn carries a signature made here, or the stand-in. */
function* signatureProblems(turn: WireTurn, index: number, request: WireRequest): Iterable<Problem> {
  const path = `contents[${index}]`
  for (const part of turn.parts)
    if (signatureState(part, request) === 'foreign') yield { path, message: 'Corrupted thought signature.' }
  const first = calls(turn)[0]
  if (first === undefined || generation(request.model) < 3) return
  if (signatureState(first, request) === 'missing')
    yield {
      path,
      message: `Function call is missing a thought_signature in functionCall parts. Function call: ${text(at(first, 'functionCall', 'name'))}`,
    }
}

export function* checkTurns(request: WireRequest): Iterable<Problem> {
  const turns = list(request.body['contents']).map(
    (content): WireTurn => ({
      isModel: at(content, 'role') === 'model',
      parts: list(at(content, 'parts')).map(fields),
    }),
  )
  for (const [index, turn] of turns.entries()) {
    yield* callProblems(turns, index)
    if (turn.isModel) yield* signatureProblems(turn, index, request)
  }
  if (turns.at(-1)?.isModel)
    yield {
      path: 'contents',
      message: 'Please ensure that multiturn requests end with a user role or a function response.',
    }
}
