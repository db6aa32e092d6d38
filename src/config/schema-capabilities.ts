import { z } from 'zod'
import { dialects, efforts } from './schema-fields.ts'

const flag = (description: string) => z.boolean().optional().meta({ description })
const tokens = (description: string) => z.int().min(1).max(100_000_000).optional().meta({ description })

/**
 * What an operator may correct in the gateway's own table of what models take and give. The members are those of
 * `Capabilities` in the spelling of configuration files.
 */
export const capabilitiesSchema = z.strictObject({
  system_role: z
    .enum(['system', 'developer', 'first-user'])
    .optional()
    .describe('Where a system message is put: as `system`, as `developer`, or before the first user turn.'),
  system_anywhere: flag('Whether system messages may stand between other turns.'),
  max_tokens_field: z
    .enum(['max_tokens', 'max_completion_tokens'])
    .optional()
    .describe('The field for the output bound in chat completions.'),
  default_max_output_tokens: tokens('Sent where the upstream demands a bound and the client gave none.'),
  max_output_tokens: tokens('The highest bound the model takes.'),
  sampling: z
    .enum(['all', 'one-of', 'not-while-thinking', 'none'])
    .optional()
    .describe('Which sampling fields may be sent; `one-of` means temperature or top_p, not both.'),
  max_temperature: z
    .number()
    .min(0)
    .max(2)
    .optional()
    .describe('Upper end of the temperature range; higher values are lowered to it and reported.'),
  top_k: flag('Whether `top_k` may be sent.'),
  seed: flag('Whether `seed` may be sent.'),
  penalties: flag('Whether frequency and presence penalties may be sent.'),
  logit_bias: flag('Whether `logit_bias` may be sent.'),
  logprobs: flag('Whether log probabilities may be asked for.'),
  candidates: flag('Whether several answers (`n`) may be asked for.'),
  verbosity: flag('Whether `verbosity` may be sent.'),
  max_stop: z
    .int()
    .min(0)
    .max(1000)
    .optional()
    .describe('Greatest number of stop sequences; 0 when none may be sent.'),
  reasoning_style: z
    .enum([
      'none',
      'effort',
      'reasoning-object',
      'toggle',
      'toggle-and-effort',
      'budget',
      'adaptive',
      'thinking-budget',
      'thinking-level',
    ])
    .optional()
    .describe('How thinking is asked for on the wire.'),
  efforts: z.array(z.enum(efforts)).optional().describe('Effort levels that may be sent, lowest first.'),
  budget: z
    .strictObject({
      min: z.int().min(0).max(100_000_000).describe('Lowest legal thinking budget, in tokens.'),
      max: z.int().min(0).max(100_000_000).describe('Highest legal thinking budget, in tokens.'),
    })
    .optional()
    .describe('Legal range of a thinking budget.'),
  reasoning_off: flag('Whether thinking may be switched off.'),
  reasoning_by_default: flag('Whether the model thinks without being asked.'),
  reasoning_field: z
    .enum(['reasoning_content', 'reasoning', 'none'])
    .optional()
    .describe('Field that carries readable thinking in chat completions.'),
  reasoning_replay: z
    .enum(['never', 'tool-turns', 'always', 'signed'])
    .optional()
    .describe('Which earlier assistant turns are sent back with their thinking.'),
  forced_tool_choice: flag('Whether a tool can be forced.'),
  parallel_toggle: flag('Whether parallel tool calls can be switched on and off.'),
  custom_tools: flag('Whether free-text tools may be sent.'),
  tool_result_media: flag('Whether tool results may contain images and documents.'),
  image_url: flag('Whether images may be given by address.'),
  images: flag('Whether the model takes images.'),
  documents: flag('Whether the model takes documents.'),
  document_url: flag('Whether documents may be given by address.'),
  audio: flag('Whether the model takes audio.'),
  video: flag('Whether the model takes video.'),
  json_schema: z
    .enum(['native', 'tool', 'none'])
    .optional()
    .describe('How output by schema is asked for: the native field, a hidden tool, or not at all.'),
  schema_form: z
    .enum(['json-schema', 'openapi-subset'])
    .optional()
    .describe('Which form of schema tools and output take.'),
  json_with_tools: flag('Whether structured output and tools may be asked for together.'),
  prefill: flag('Whether an assistant turn may stand last and be continued.'),
  function_call_ids: flag('Whether calls carry ids on the way up (generate-content).'),
  web_search: flag('Whether the provider can search the web.'),
  cache_marks: z
    .enum(['cache-control', 'breakpoint', 'none'])
    .optional()
    .describe('How prompt caching marks are sent.'),
  stream_usage: flag('Whether `stream_options.include_usage` is understood.'),
  strict_tools: flag('Whether `strict` may be sent with tools.'),
  thought_signatures: flag('Whether replayed calls must carry thought signatures.'),
  service_tier: flag('Whether `service_tier` may be sent.'),
  metadata: flag('Whether `metadata` may be sent.'),
  end_user: flag('Whether the id of the end user may be sent.'),
  opaque_dialect: z
    .enum(dialects)
    .optional()
    .describe('The dialect whose opaque reasoning values this model may be shown.'),
})
