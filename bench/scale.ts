/** How much is measured. Seconds are seconds of one window; a measure has `rounds` of them for every target. */
export interface Scale {
  name: 'normal' | 'quick'
  warmSeconds: number
  /** How many disturbed rounds of a measure are measured again. */
  extraRounds: number
  settleSeconds: number
  requests: { rounds: number; seconds: number; loads: readonly number[] }
  latency: { rounds: number; seconds: number }
  events: { rounds: number; seconds: number }
  firstToken: { rounds: number; seconds: number }
  prompt: { rounds: number; seconds: number }
  /** Each number of streams is held for `seconds`, the last one for `holdSeconds`: memory may grow while they last. */
  memory: { streams: readonly number[]; seconds: number; holdSeconds: number }
  /** `settleSeconds`: connections that are being closed go away, a leak does not. */
  aborts: { count: number; warmUp: number; settleSeconds: number }
}

export const NORMAL: Scale = {
  name: 'normal',
  warmSeconds: 4,
  extraRounds: 2,
  settleSeconds: 0.2,
  requests: { rounds: 3, seconds: 0.8, loads: [0.25, 0.75] },
  latency: { rounds: 7, seconds: 0.35 },
  events: { rounds: 3, seconds: 1.5 },
  firstToken: { rounds: 5, seconds: 0.35 },
  prompt: { rounds: 3, seconds: 0.7 },
  memory: { streams: [1_000, 4_000], seconds: 6, holdSeconds: 60 },
  aborts: { count: 10_000, warmUp: 2_000, settleSeconds: 3 },
}

/** For a look while working: the same measures, too short to be quoted. */
export const QUICK: Scale = {
  name: 'quick',
  warmSeconds: 0.5,
  extraRounds: 0,
  settleSeconds: 0.1,
  requests: { rounds: 1, seconds: 0.5, loads: [] },
  latency: { rounds: 2, seconds: 0.2 },
  events: { rounds: 1, seconds: 0.6 },
  firstToken: { rounds: 1, seconds: 0.25 },
  prompt: { rounds: 1, seconds: 0.4 },
  memory: { streams: [1_000, 4_000], seconds: 1.5, holdSeconds: 10 },
  aborts: { count: 2_000, warmUp: 500, settleSeconds: 1 },
}
