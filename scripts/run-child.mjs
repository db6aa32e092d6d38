// Runs a child in the foreground: same terminal, same signals, same exit code.
import { spawn } from 'node:child_process'
import { constants } from 'node:os'

export function runChild(command, args, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: 'inherit', ...options })
    // The terminal sends Ctrl-C to the whole group already; a signal for this process alone is handed on.
    const forward = (signal) => () => child.kill(signal)
    const signals = ['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2']
    const handlers = signals.map((signal) => [signal, forward(signal)])
    for (const [signal, handler] of handlers) process.on(signal, handler)
    process.on('SIGINT', () => {})
    child.on('error', (error) => {
      process.stderr.write(`xjp-gateway: ${command} could not be started: ${error.message}\n`)
      resolve(1)
    })
    child.on('exit', (code, signal) => {
      for (const [name, handler] of handlers) process.off(name, handler)
      resolve(code ?? 128 + (constants.signals[signal] ?? 0))
    })
  })
}
