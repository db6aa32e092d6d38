import packageJson from '../../package.json' with { type: 'json' }
import { providers } from '../providers/list.ts'
import { runConfigCommand } from './config.ts'
import { runKeygen, runKeysCommand } from './keys.ts'
import { runMigrateCommand } from './migrate.ts'
import { serve } from './serve.ts'
import { usage } from './usage.ts'
import { runUsageCommand } from './usage-command.ts'

const [command, ...rest] = process.argv.slice(2)

// A reader that has enough (`| head`) is no error. The gateway goes on without one: it loses lines of its log, no calls.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (command !== 'serve') process.exit(error.code === 'EPIPE' ? 0 : 1)
})
process.stderr.on('error', () => {})

const io = {
  env: process.env,
  cwd: process.cwd(),
  stdout: (text: string) => void process.stdout.write(text),
  stderr: (text: string) => void process.stderr.write(text),
}

/** Commands as data: name → what it does; each gives the exit code. */
const commands: Readonly<Record<string, () => Promise<number> | number>> = {
  serve: () => serve(rest, io),
  config: () => runConfigCommand(rest, io, providers),
  keys: () => runKeysCommand(rest, io, providers),
  keygen: () => runKeygen(rest, io, providers),
  migrate: () => runMigrateCommand(rest, io, providers),
  usage: () => runUsageCommand(rest, io, providers),
  version: () => {
    io.stdout(`xjp-gateway ${packageJson.version}\n`)
    return 0
  },
  help: () => {
    io.stdout(usage)
    return 0
  },
}

const aliases: Readonly<Record<string, string>> = {
  '--version': 'version',
  '-v': 'version',
  '--help': 'help',
  '-h': 'help',
}

const run = commands[aliases[command ?? 'help'] ?? command ?? 'help']
if (run) {
  process.exitCode = await run()
} else {
  io.stderr(`xjp-gateway: unknown command "${command}"\n\n${usage}`)
  process.exitCode = 2
}
