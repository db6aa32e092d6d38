import type { ResilienceEvent } from './resilience.ts'

interface EventLog {
  info(message: string, fields: Record<string, string | number>): void
  warn(message: string, fields: Record<string, string | number>): void
}

/** One line of the log for what became of a route: whoever reads the log sees when traffic moved, and why. */
export function tell(event: ResilienceEvent, log: EventLog): void {
  if (event.type === 'circuit') {
    const { model, target, from, to, reason } = event
    const fields = { model, target, from, reason }
    if (to === 'open') log.warn('the circuit of a route opened: it is left alone for a while', fields)
    else if (to === 'half_open') log.info('the circuit of a route is half open: it is tried again', fields)
    else log.info('the circuit of a route closed: it is well again', fields)
    return
  }
  const { provider, credential, model, milliseconds, reason } = event
  log.info('an upstream asked to be left alone, or refused a credential', {
    provider,
    ...(credential === undefined ? {} : { credential }),
    ...(model === undefined ? {} : { model }),
    milliseconds,
    reason,
  })
}
