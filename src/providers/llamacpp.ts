import { defineOpenAiCompatible } from './define.ts'

/** The `llama-server` of llama.cpp. */
export const llamacpp = defineOpenAiCompatible({
  id: 'llamacpp',
  displayName: 'llama.cpp',
  aliases: ['llama.cpp', 'llama-cpp', 'llama_cpp', 'llama-server'],
  defaultBaseUrl: 'http://127.0.0.1:8080/v1',
  local: true,
  barePath: '/v1',
})
