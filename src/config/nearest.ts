/** Spelling without what people mix up: case, and the marks between words. */
function fold(word: string): string {
  return word.toLowerCase().replace(/[\s_.-]+/g, '')
}

/** Edits (insert, delete, replace, swap of neighbours) from one word to another. */
export function editDistance(from: string, to: string): number {
  const width = to.length + 1
  const rows: number[] = Array.from({ length: (from.length + 1) * width }, () => 0)
  const at = (row: number, column: number): number => rows[row * width + column] ?? 0
  for (let column = 0; column < width; column++) rows[column] = column
  for (let row = 1; row <= from.length; row++) {
    rows[row * width] = row
    for (let column = 1; column < width; column++) {
      const same = from[row - 1] === to[column - 1]
      let best = Math.min(at(row - 1, column) + 1, at(row, column - 1) + 1)
      best = Math.min(best, at(row - 1, column - 1) + (same ? 0 : 1))
      if (from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1] && row > 1 && column > 1)
        best = Math.min(best, at(row - 2, column - 2) + 1)
      rows[row * width + column] = best
    }
  }
  return at(from.length, to.length)
}

/** Longer words are not typing errors of a name, and the table of distances grows with both lengths. */
const LONGEST = 128

/** Whether two words share their beginning: all of the shorter one, or most of it and not just a syllable. */
function beginAlike(one: string, other: string): boolean {
  const shorter = Math.min(one.length, other.length)
  let common = 0
  while (common < shorter && one[common] === other[common]) common += 1
  return (common === shorter && common >= 3) || (common >= 4 && common >= shorter * 0.6)
}

/** The names closest to `word`, best first: those within a third of its length in edits, and those that begin alike. */
export function nearest(word: string, names: Iterable<string>, limit = 1): string[] {
  if (word.length > LONGEST) return []
  const folded = fold(word)
  const found: { name: string; distance: number }[] = []
  for (const name of names) {
    if (name.length > LONGEST) continue
    const other = fold(name)
    const distance = editDistance(folded, other)
    const bound = Math.max(1, Math.floor(Math.max(folded.length, other.length) / 3))
    if (distance <= bound || beginAlike(folded, other)) found.push({ name, distance })
  }
  found.sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1))
  return found.slice(0, limit).map((entry) => entry.name)
}
