import { alibaba } from './alibaba.ts'
import { anthropic } from './anthropic.ts'
import { azure } from './azure.ts'
import { cerebras } from './cerebras.ts'
import { clewdr } from './clewdr.ts'
import { customHttp } from './custom-http.ts'
import { deepseek } from './deepseek.ts'
import { demo } from './demo.ts'
import { fireworks } from './fireworks.ts'
import { gemini } from './gemini.ts'
import { groq } from './groq.ts'
import { huggingface } from './huggingface.ts'
import { llamacpp } from './llamacpp.ts'
import { lmstudio } from './lmstudio.ts'
import { localai } from './localai.ts'
import { minimax } from './minimax.ts'
import { mistral } from './mistral.ts'
import { moonshot } from './moonshot.ts'
import { nvidia } from './nvidia.ts'
import { ollama } from './ollama.ts'
import { openai } from './openai.ts'
import { openaiCompat } from './openai-compat.ts'
import { openrouter } from './openrouter.ts'
import { perplexity } from './perplexity.ts'
import { processProvider } from './process.ts'
import type { Provider } from './provider.ts'
import { siliconflow } from './siliconflow.ts'
import { together } from './together.ts'
import { vertex } from './vertex.ts'
import { vllm } from './vllm.ts'
import { xai } from './xai.ts'
import { zai } from './zai.ts'

/** Every provider the gateway knows. To add one: its file, and its line here. */
export const providers: readonly Provider[] = [
  openrouter,
  vertex,
  clewdr,
  anthropic,
  openai,
  gemini,
  azure,
  deepseek,
  moonshot,
  groq,
  together,
  mistral,
  xai,
  cerebras,
  fireworks,
  perplexity,
  nvidia,
  huggingface,
  zai,
  alibaba,
  siliconflow,
  minimax,
  ollama,
  vllm,
  lmstudio,
  localai,
  llamacpp,
  openaiCompat,
  customHttp,
  processProvider,
  demo,
]

const byName = new Map(
  providers.flatMap((provider) =>
    [provider.id, provider.displayName, ...(provider.aliases ?? [])].map(
      (name) => [name.toLowerCase(), provider] as const,
    ),
  ),
)

/** The provider of that id, vendor's spelling or alias, without regard to case. */
export function findProvider(name: string): Provider | undefined {
  return byName.get(name.toLowerCase())
}
