/** The method after the colon of a `generateContent` address, with the query that makes it a stream of events. */
export const googleMethods = {
  generate: 'generateContent',
  stream: 'streamGenerateContent?alt=sse',
  'count-tokens': 'countTokens',
} as const
