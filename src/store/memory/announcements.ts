import type { Announcements } from '../ports/shared-state.ts'

/** Words inside one process; a listener hears them after the speaker has gone on. */
export class MemoryAnnouncements implements Announcements {
  readonly #listeners = new Map<string, Set<(text: string) => void>>()

  publish(topic: string, text: string): void {
    queueMicrotask(() => {
      for (const listener of [...(this.#listeners.get(topic) ?? [])]) listener(text)
    })
  }

  subscribe(topic: string, listener: (text: string) => void): () => void {
    const listeners = this.#listeners.get(topic) ?? new Set()
    this.#listeners.set(topic, listeners.add(listener))
    return () => void listeners.delete(listener)
  }
}
