import { type Child, type ChildOptions, spawnChild } from '../../platform/spawn.ts'
import { GatewayError } from '../../protocol/model/error.ts'

export type NewChild = (options: ChildOptions) => Child

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'the program, or its working directory, does not exist',
  EACCES: 'the program may not be executed',
  ENOEXEC: 'it is no program',
  E2BIG: 'its arguments are too long',
  ENOTDIR: 'the working directory is none',
}

/** Starts a child; a program that cannot be started is an `upstream_failed`. */
export const newChild: NewChild = (options) => {
  try {
    return spawnChild(options)
  } catch (thrown) {
    const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'unknown error'
    throw new GatewayError(
      'upstream_failed',
      `The local command could not be started: ${reasons[code] ?? code}`,
      {
        cause: thrown,
      },
    )
  }
}
