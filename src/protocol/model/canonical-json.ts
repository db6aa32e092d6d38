/**
 * One text for every way to write the same JSON value: members sorted by name, no white space, strings with the fewest
 * escapes, numbers by their exact value whatever their length (`1`, `1.0` and `10e-1` are one; two integers beyond 2⁵³
 * are never taken for each other). A repeated member keeps all its values in their order: not every reader takes the
 * last one. `text` must be JSON already; linear in its length.
 */
export function canonicalJson(text: string): string {
  return new Canonicaliser(text).value()
}

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const CLOSE_OBJECT = 0x7d
const CLOSE_ARRAY = 0x5d

class Canonicaliser {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  value(): string {
    switch (this.#peek()) {
      case '{':
        return this.#object()
      case '[':
        return this.#array()
      case '"':
        return this.#string()
      default:
        return this.#scalar()
    }
  }

  #object(): string {
    const members: [name: string, text: string][] = []
    this.#at += 1
    while (this.#peekCode() !== CLOSE_OBJECT) {
      this.#peek()
      const name = this.#string()
      this.#peek()
      // The colon.
      this.#at += 1
      members.push([name, this.value()])
      if (this.#peekCode() === COMMA) this.#at += 1
      else if (this.#peekCode() !== CLOSE_OBJECT) throw notJson()
    }
    this.#at += 1
    // Stable: values of a repeated name stay in their order.
    members.sort(([one], [other]) => (one < other ? -1 : one > other ? 1 : 0))
    return `{${members.map(([name, text]) => `${name}:${text}`).join(',')}}`
  }

  #array(): string {
    const items: string[] = []
    this.#at += 1
    while (this.#peekCode() !== CLOSE_ARRAY) {
      items.push(this.value())
      if (this.#peekCode() === COMMA) this.#at += 1
      else if (this.#peekCode() !== CLOSE_ARRAY) throw notJson()
    }
    this.#at += 1
    return `[${items.join(',')}]`
  }

  #string(): string {
    const start = this.#at
    if (this.#text.charCodeAt(start) !== QUOTE) throw notJson()
    const end = this.#closingQuote(start)
    this.#at = end + 1
    const raw = this.#text.slice(start, end + 1)
    return raw.includes('\\') ? JSON.stringify(JSON.parse(raw)) : raw
  }

  #closingQuote(open: number): number {
    let at = open + 1
    for (;;) {
      const quote = this.#text.indexOf('"', at)
      if (quote === -1) throw notJson()
      let slashes = 0
      while (quote - slashes > at && this.#text.charCodeAt(quote - 1 - slashes) === BACKSLASH) slashes += 1
      if (slashes % 2 === 0) return quote
      at = quote + 1
    }
  }

  /** `true`, `false`, `null` or a number. */
  #scalar(): string {
    scalar.lastIndex = this.#at
    const found = scalar.exec(this.#text)?.[0]
    if (found === undefined) throw notJson()
    this.#at += found.length
    return found === 'true' || found === 'false' || found === 'null' ? found : canonicalNumber(found)
  }

  /** The next character that is no white space, without taking it. */
  #peek(): string {
    while (isSpace(this.#text.charCodeAt(this.#at))) this.#at += 1
    return this.#text.charAt(this.#at)
  }

  #peekCode(): number {
    this.#peek()
    return this.#text.charCodeAt(this.#at)
  }
}

const scalar = /[-+.\w]+/y
const numeral = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([-+]?)(\d+))?$/
/** Exponents of more digits than this are compared as they are written: they mean zero or nothing a machine has. */
const MAXIMUM_EXPONENT_DIGITS = 12

/** Sign, the digits without zeros at their ends, and the power of ten they stand at: `-1.50` → `-15e-1`. */
function canonicalNumber(text: string): string {
  const [, sign = '', whole = '', fraction = '', exponentSign = '', exponent = ''] = numeral.exec(text) ?? []
  if (whole === '') throw notJson()
  const digits = whole + fraction
  let first = 0
  while (first < digits.length && digits.charAt(first) === '0') first += 1
  if (first === digits.length) return '0'
  let end = digits.length
  while (digits.charAt(end - 1) === '0') end -= 1
  const significant = sign + digits.slice(first, end)
  const power = withoutLeadingZeros(exponent)
  const shift = digits.length - end - fraction.length
  if (power.length > MAXIMUM_EXPONENT_DIGITS) return `${significant}e${shift}e${exponentSign}${power}`
  return `${significant}e${Number(exponentSign + (power || '0')) + shift}`
}

function withoutLeadingZeros(digits: string): string {
  let first = 0
  while (digits.charAt(first) === '0') first += 1
  return digits.slice(first)
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09
}

function notJson(): SyntaxError {
  return new SyntaxError('not JSON')
}
