/**
 * The one version of the messages API that is spoken to upstreams whatever the client asked for (protocol.md §0.2):
 * bodies are written for it, and every host knows it.
 */
export const anthropicVersion = '2023-06-01'
