/** Lets the loop serve others. SQLite answers at once, so without this a long row of statements would stop everything. */
export const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
