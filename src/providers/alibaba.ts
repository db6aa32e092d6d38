import { defineOpenAiCompatible } from './define.ts'
import { thinkingSwitch } from './shapes.ts'

/** Model Studio (DashScope); Qwen's thinking has a switch of its own there. */
export const alibaba = defineOpenAiCompatible({
  id: 'alibaba',
  displayName: 'Alibaba Cloud',
  aliases: ['dashscope', 'aliyun'],
  defaultBaseUrl: 'https://dashscope-intl.aliyuncs.com/compatible-mode/v1',
  prefix: 'DASHSCOPE',
  keys: ['DASHSCOPE_API_KEY', 'ALIBABA_API_KEY'],
  shape: thinkingSwitch((on) => ({ enable_thinking: on })),
})
