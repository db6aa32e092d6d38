import { parseArgs } from 'node:util'

export interface ServeArguments {
  config?: string
  host?: string
  port?: number
  dataDir?: string
  open: boolean
}

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
        open: { type: 'boolean' },
      },
    })
    const { config, host, port, open = false } = values
    const number = port === undefined ? undefined : Number(port)
    if (number !== undefined && !(/^\d{1,5}$/.test(port ?? '') && number <= 65_535))
      return `--port: expected a number from 0 to 65535, got "${port}"`
    return {
      open,
      ...(config === undefined ? {} : { config }),
      ...(host === undefined ? {} : { host }),
      ...(number === undefined ? {} : { port: number }),
      ...(values['data-dir'] === undefined ? {} : { dataDir: values['data-dir'] }),
    }
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown)
  }
}
