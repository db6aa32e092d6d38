import { parseArgs } from 'node:util'

export interface ServeArguments {
  config?: string
  host?: string
  port?: number
  dataDir?: string
  workers?: number
  open: boolean
}

/** As `server.workers` in the configuration. */
const MOST_WORKERS = 256

/** Reads the arguments of `serve`; a string is what is wrong with them. */
export function serveArguments(args: readonly string[]): ServeArguments | string {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        config: { type: 'string' },
        host: { type: 'string' },
        port: { type: 'string' },
        'data-dir': { type: 'string' },
        workers: { type: 'string' },
        open: { type: 'boolean' },
      },
    })
    const { config, host, port, open = false } = values
    const number = wholeNumber(port, 0, 65_535)
    if (number === null) return `--port: expected a number from 0 to 65535, got "${port}"`
    const workers = wholeNumber(values.workers, 1, MOST_WORKERS)
    if (workers === null)
      return `--workers: expected a number from 1 to ${MOST_WORKERS}, got "${values.workers}"`
    return {
      open,
      ...(config === undefined ? {} : { config }),
      ...(host === undefined ? {} : { host }),
      ...(number === undefined ? {} : { port: number }),
      ...(workers === undefined ? {} : { workers }),
      ...(values['data-dir'] === undefined ? {} : { dataDir: values['data-dir'] }),
    }
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown)
  }
}

/** Null when it is no such number. */
function wholeNumber(text: string | undefined, least: number, most: number): number | undefined | null {
  if (text === undefined) return undefined
  const number = Number(text)
  return /^\d{1,5}$/.test(text) && number >= least && number <= most ? number : null
}
