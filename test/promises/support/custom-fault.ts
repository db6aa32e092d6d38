import type { Fault } from '../../rig/fault/fault.ts'
import { faults } from '../../rig/fault/faults.ts'

const made: Fault[] = []

/**
 * A mark for the user's text that makes the rig answer with this fault: for faults that have no name of their own.
 * All marks have one length, so that prompts differ in no count.
 */
export function customFault(fault: Fault): string {
  faults['custom-case'] ??= (index = 0) => {
    const found = made[index]
    if (found === undefined) throw new Error(`There is no custom fault ${index}.`)
    return found
  }
  made.push(fault)
  return `[fault:custom-case@${String(made.length - 1).padStart(7, '0')}]`
}
