import { defineOpenAiCompatible } from './define.ts'
import { thinkingSwitch } from './shapes.ts'

export const siliconflow = defineOpenAiCompatible({
  id: 'siliconflow',
  displayName: 'SiliconFlow',
  defaultBaseUrl: 'https://api.siliconflow.com/v1',
  shape: thinkingSwitch((on) => ({ enable_thinking: on })),
})
