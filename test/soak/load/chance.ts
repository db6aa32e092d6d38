import { random } from '../../rig/http/deliver.ts'

/** Draws from one seed. */
export class Chance {
  readonly next: () => number

  constructor(seed: number) {
    this.next = random(seed | 0)
  }

  /** Whole, both ends included. */
  whole(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1))
  }

  is(share: number): boolean {
    return this.next() < share
  }

  of<Item>(items: readonly Item[]): Item {
    const item = items[Math.floor(this.next() * items.length)]
    if (item === undefined) throw new Error('there is nothing to draw from')
    return item
  }

  /** By weight. */
  weighted<Name extends string>(weights: Readonly<Record<Name, number>>): Name {
    const entries = Object.entries(weights) as [Name, number][]
    let left = this.next() * entries.reduce((sum, [, weight]) => sum + weight, 0)
    for (const [name, weight] of entries) if ((left -= weight) < 0) return name
    return (entries.at(-1) as [Name, number])[0]
  }

  shuffled<Item>(items: readonly Item[]): Item[] {
    const deck = [...items]
    for (let at = deck.length - 1; at > 0; at -= 1) {
      const other = this.whole(0, at)
      const [one, two] = [deck[at], deck[other]] as [Item, Item]
      deck[at] = two
      deck[other] = one
    }
    return deck
  }
}
