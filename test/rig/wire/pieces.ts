/** Splits text into runs of about `size` UTF-16 units, never between the halves of a surrogate pair. */
export function runs(text: string, size = 7): string[] {
  const found: string[] = []
  let start = 0
  while (start < text.length) {
    let end = Math.min(start + size, text.length)
    const last = text.charCodeAt(end - 1)
    if (end < text.length && last >= 0xd800 && last < 0xdc00) end += 1
    found.push(text.slice(start, end))
    start = end
  }
  return found
}

/** Takes from each list in turn: `[[1, 2], [a, b, c]]` → `1 a 2 b c`. */
export function interleave<T>(lists: readonly (readonly T[])[]): T[] {
  const longest = Math.max(0, ...lists.map((list) => list.length))
  return Array.from({ length: longest }, (_, index) =>
    lists.flatMap((list) => (index < list.length ? list.slice(index, index + 1) : [])),
  ).flat()
}
