import { z } from 'zod'

/** Small pieces the sections are made of. Each takes the description that becomes the documentation. */

export function text(description: string): z.ZodString {
  return z.string().min(1).meta({ description })
}

/** A text that may refer to the environment. */
export function environmentText(description: string): z.ZodString {
  return z.string().min(1).meta({ description, 'x-environment': true })
}

/** A secret: a text or a reference to the environment; never empty, never shown. */
export function secret(description: string): z.ZodString {
  return z.string().min(1).meta({ description, writeOnly: true, 'x-environment': true })
}

export function isHttpAddress(value: string): boolean {
  if (!/^https?:\/\/[^/\s?#@]+(\/[^\s?#]*)?$/i.test(value)) return false
  return URL.canParse(value)
}

const ADDRESS = 'an http:// or https:// address without user, query and fragment'

/** The base of an API; a trailing slash makes no difference. */
export function address(description: string): z.ZodString {
  return z.string().refine(isHttpAddress).meta({ description, 'x-environment': true, 'x-expected': ADDRESS })
}

/** The protocols of a store's address, and how it is said; the address holds a password, so nothing repeats it. */
export const storeAddresses = {
  database: {
    pattern: /^postgres(ql)?:/i,
    expected: 'an address of the form postgres://user:password@host:port/database',
  },
  redis: {
    pattern: /^rediss?:/i,
    expected: 'an address of the form redis://:password@host:port, or rediss:// with TLS',
  },
} as const

export function isStoreAddress(store: keyof typeof storeAddresses, value: string): boolean {
  return storeAddresses[store].pattern.test(value) && URL.canParse(value)
}

/** Where a store is. */
export function storeAddress(store: keyof typeof storeAddresses, description: string): z.ZodString {
  return z
    .string()
    .refine((value) => isStoreAddress(store, value))
    .meta({
      description,
      writeOnly: true,
      'x-environment': true,
      'x-expected': storeAddresses[store].expected,
    })
}

const LONGEST_MS = 86_400_000

export function milliseconds(description: string): z.ZodInt {
  return z.int().min(1).max(LONGEST_MS).meta({ description })
}

/** Open sections: entries with names of the operator's choice, of the given form. */
export function named<Value extends z.ZodType>(
  value: Value,
  names: { pattern: string; expected: string },
  description: string,
): z.ZodRecord<z.ZodString, Value> {
  return z.record(z.string(), value).meta({
    description,
    propertyNames: { type: 'string', pattern: names.pattern, 'x-expected': names.expected },
  })
}

export const modelNames = {
  pattern: '^[^\\s\\u0000-\\u001F](?:[^\\u0000-\\u001F]{0,254}[^\\s\\u0000-\\u001F])?$',
  expected: 'a model name of 1 to 256 characters that does not begin or end with a space',
}

export const aliasNames = {
  pattern: '^[^\\s\\u0000-\\u001F*](?:[^\\u0000-\\u001F*]{0,254}[^\\s\\u0000-\\u001F*])?$',
  expected: 'a model name without *, of 1 to 256 characters, that does not begin or end with a space',
}

export const providerNames = {
  pattern: '^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$',
  expected: 'a provider name of letters, digits and . _ : -',
}

export const headerNames = {
  pattern: "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$",
  expected: 'a header name',
}

export const tokenCounts = {
  pattern: '^[0-9]{1,9}$',
  expected: 'a number of tokens, written as a whole number',
}

export const dialects = ['chat-completions', 'messages', 'responses', 'generate-content'] as const
export const efforts = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'] as const
export const documentPolicies = ['reject', 'passthrough', 'text'] as const
