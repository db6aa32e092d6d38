/** Characters of scripts that take about a token each. */
const dense = /[\u1100-\u11ff\u2e80-\u9fff\uac00-\ud7ff\uf900-\ufaff\uff00-\uffef]/g

/** About how many tokens a text has, for answers nobody counted: four characters a token, one where scripts are dense. */
export function estimateTextTokens(text: string): number {
  const wide = text.match(dense)?.length ?? 0
  return wide + (text.length - wide) / 4
}
