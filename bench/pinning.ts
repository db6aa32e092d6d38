import { availableParallelism } from 'node:os'

/** The core of the generator and the scripted upstream. */
const RIG_CORE = 0
/** The core of the process that is measured. */
const MEASURED_CORE = 1

/** Whether the rig and what it measures have a core each. */
export const pinned = availableParallelism() > 1 && Bun.which('taskset') !== null

/** Why nothing is pinned, for the report. */
export function pinningNote(): string {
  if (pinned) return `rig on core ${RIG_CORE}, measured process on core ${MEASURED_CORE}`
  if (Bun.which('taskset') === null) return 'not pinned: taskset is not installed'
  return 'not pinned: this machine has one core, so the rig disturbs what it measures'
}

/** Moves this process, all its threads, to the rig's core. */
export function pinRig(): void {
  if (pinned) Bun.spawnSync(['taskset', '-acp', String(RIG_CORE), String(process.pid)])
}

/** The command, on the measured core. */
export function onMeasuredCore(command: readonly string[]): string[] {
  return pinned ? ['taskset', '-c', String(MEASURED_CORE), ...command] : [...command]
}
