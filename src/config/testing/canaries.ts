/** Planted secrets: no message may show one, nor eight characters in a row of one. */
export const canaries = [
  'sk-canary-Q7fJ2mXv9Lp4Rt8W',
  'plainwordcanaryzebrafish',
  'Kd93jfQmZ71xVbTr55Lw',
  'hdr-canary-8812-tulip-garden',
  'pk-lf-canary-55aa77cc99ee',
  'canary/with+chars=and&more',
] as const

const SHORTEST = 8

function forms(secret: string): string[] {
  return [
    secret,
    Buffer.from(secret).toString('base64'),
    Buffer.from(secret).toString('hex'),
    encodeURIComponent(secret),
  ]
}

/** Eight-character pieces that only a secret has: `canary` and the like may stand in our own words. */
export function leaksIn(text: string): string[] {
  return canaries.flatMap((secret) =>
    forms(secret).flatMap((form) => {
      const pieces = Array.from({ length: form.length - SHORTEST + 1 }, (_, at) =>
        form.slice(at, at + SHORTEST),
      )
      return pieces.filter((piece) => text.includes(piece))
    }),
  )
}
