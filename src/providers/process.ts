import { newChild } from './process/child.ts'
import { createProcessProvider } from './process/provider.ts'

/**
 * A local command-line model: arguments from a template without a shell, the conversation on standard input, the
 * answer streamed as it is printed (product.md §2, promises L1 to L7).
 */
export const processProvider = createProcessProvider({ newChild, environment: process.env })
