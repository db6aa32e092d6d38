import { joined, type Reply } from '../../rig/http/reply.ts'
import { customFault } from './custom-fault.ts'

/** One way to end an upstream's answer early. The rig fills in what it was about to send. */
export interface Cut {
  /** Offset in the body of the first byte that is not sent. */
  at: number
  how: 'fin' | 'rst'
  framing: Reply['framing']
  /** The whole body that was cut. */
  body?: Uint8Array
}

/** A mark for the user's text that makes the rig cut its answer so. */
export function cutMark(cut: Cut): string {
  return customFault({
    cut: { at: cut.at, how: cut.how },
    reply: (reply) => {
      cut.body = joined(reply.parts)
      return { ...reply, framing: cut.framing }
    },
  })
}

/** What of the body was sent, as text. A character may be cut. */
export function sentOf(cut: Cut): string {
  return new TextDecoder().decode(cut.body?.subarray(0, cut.at))
}
