import type { Piece } from '../../rig/scene/performance.ts'
import { scenes } from '../../rig/scene/scenes.ts'
import { type Conversation, userTexts } from '../../rig/wire/conversation.ts'

/** The mark of one request, in its prompt and all over what the upstream answers. */
export function wordOf(serial: number): string {
  return `w${String(serial).padStart(7, '0')}w`
}

const WORD = /w\d{7}w/g

/** All marks in a text, each once. */
export function wordsIn(text: string): Set<string> {
  return new Set(text.match(WORD))
}

function askedBy(conversation: Conversation): string {
  const words = userTexts(conversation).flatMap((text) => text.match(WORD) ?? [])
  return words.at(-1) ?? 'nobody'
}

/** What the upstream says to a word: every piece carries it, and its number. */
export function meantText(word: string, pieces: number): string {
  return Array.from({ length: pieces }, (_, index) => `${word}·${index} 好; `).join('')
}

/** The arguments of the tool that the upstream calls. */
export function meantArguments(word: string): Record<string, unknown> {
  return { city: `北京 "${word}"\n`, note: word, days: 3 }
}

export const tool = {
  name: 'weather_in',
  description: 'The weather of some days.',
  parameters: {
    type: 'object',
    properties: { city: { type: 'string' }, note: { type: 'string' }, days: { type: 'integer' } },
    required: ['city', 'note', 'days'],
  },
}

const thinking = (word: string): Piece => ({ type: 'thinking', text: `Let me see: ${word}.` })
const say = (text: string): Piece => ({ type: 'text', text })

/** Teaches the simulated vendors what they have to say here. */
export function addScenes(): void {
  scenes['soak-text'] = (conversation, pieces = 5) => ({
    takes: [{ pieces: [say(meantText(askedBy(conversation), pieces))], finish: 'stop' }],
  })
  scenes['soak-thinking'] = (conversation, pieces = 5) => {
    const word = askedBy(conversation)
    return { takes: [{ pieces: [thinking(word), say(meantText(word, pieces))], finish: 'stop' }] }
  }
  scenes['soak-tool'] = (conversation, pieces = 1) => {
    const word = askedBy(conversation)
    const call: Piece = { type: 'call', name: tool.name, arguments: meantArguments(word) }
    return { takes: [{ pieces: [say(meantText(word, pieces)), call], finish: 'tools' }] }
  }
}
