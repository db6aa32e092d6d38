import { defineOpenAiCompatible } from './define.ts'

export const nvidia = defineOpenAiCompatible({
  id: 'nvidia',
  displayName: 'NVIDIA NIM',
  aliases: ['nvidia_nim', 'nim'],
  defaultBaseUrl: 'https://integrate.api.nvidia.com/v1',
})
