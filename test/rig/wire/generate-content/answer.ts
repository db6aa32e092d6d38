import type { Fields } from '../../json.ts'
import type { Performance } from '../../scene/performance.ts'
import type { Stage } from '../dialect.ts'
import { finishOf, partsOf, tail, usageMembers } from './shape.ts'

export function encodeGenerate(performance: Performance, stage: Stage): Fields {
  const candidates = performance.takes.map((take, index) => {
    const parts = partsOf(take, stage)
    return {
      ...(parts.length === 0 ? {} : { content: { role: 'model', parts } }),
      finishReason: finishOf(take),
      index,
    }
  })
  return { candidates, ...usageMembers(performance.bill, stage.request.vendor), ...tail(stage) }
}
