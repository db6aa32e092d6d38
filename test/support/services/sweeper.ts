import { type ChildProcess, spawn } from 'node:child_process'

/**
 * A shell that learns what must not outlive the tests, and ends it when its input ends: so with this process, in
 * whatever way that goes (a test runner tells nobody that it exits, and a kill cannot be caught).
 */
const script = `
trap '' INT TERM HUP
pids=' ' folders=' '
while read -r verb value; do
  case $verb in
    pid) pids="$pids$value " ;;
    folder) folders="$folders$value " ;;
    forget)
      pids=$(printf %s "$pids" | sed "s| $value | |")
      folders=$(printf %s "$folders" | sed "s| $value | |") ;;
  esac
done
for pid in $pids; do kill -9 "$pid" 2>/dev/null; done
for round in 1 2 3 4 5; do
  for folder in $folders; do rm -rf "$folder" 2>/dev/null; done
  sleep 0.2
done
`

let shell: ChildProcess | undefined

function tell(verb: 'pid' | 'folder' | 'forget', value: string): void {
  if (!shell) {
    shell = spawn('sh', ['-c', script], { detached: true, stdio: ['pipe', 'ignore', 'ignore'] })
    shell.unref()
  }
  shell.stdin?.write(`${verb} ${value}\n`)
}

export const sweepProcess = (pid: number): void => tell('pid', String(pid))
/** The path must have no spaces: it is made by `temporaryFolder`. */
export const sweepFolder = (path: string): void => tell('folder', path)
/** It is gone already. */
export const forget = (what: number | string): void => tell('forget', String(what))
