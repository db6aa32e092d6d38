import { createHmac } from 'node:crypto'

/**
 * Makes and checks opaque reasoning state. A seal is bound to the vendor, the model and the content it stands for,
 * so a value that was altered, moved to another block or sent to another place is found out.
 */
export interface Seal {
  make(vendor: string, model: string, content: string): string
  isOwn(value: string, vendor: string, model: string, content: string): boolean
}

export function createSeal(secret: string): Seal {
  const make = (vendor: string, model: string, content: string): string =>
    createHmac('sha256', secret).update(`${vendor}\n${model}\n${content}`).digest('base64')
  return { make, isOwn: (value, vendor, model, content) => value === make(vendor, model, content) }
}
