import { startTurnLoop } from '../../../adapters/fleet/turn-loop.ts'
import type { Ports } from '../../../adapters/fleet/ports.ts'
import { type Effects, type LogWarning, type Send, writesNothing } from '../../../core/turn.ts'
import { Receipt } from '../../../core/base/receipt.ts'
import { DEFAULTS } from '../../../core/settings.ts'
import { load } from '../../../core/load.ts'
import { NOTHING_PREFETCHED, type Prefetch } from '../../../core/prefetch.ts'
import { NO_ROWS, START } from '../../core/bench.ts'

/** A shell whose commits end when the test says so. */
export function heldShell(settings = {}, commitsMax = 1) {
  const state = load(NO_ROWS, START, 1, { ...DEFAULTS, robotsAuth: 'open', ...settings })
  const commits: { readonly out: Effects; resolve(): void; reject(error: Error): void }[] = []
  const sent: Send[] = []
  const refuses = new Set<string>()
  const warnings: LogWarning[] = []
  const called: string[] = []
  const failures: unknown[] = []
  const asked: Prefetch[] = []
  /** The amount by which the clock was set. */
  const clock = { by: 0 }
  const shell: Ports = {
    now: () => START,
    commitsMax,
    clockSet: () => {
      const { by } = clock
      clock.by = 0
      return by
    },
    prefetch: (wanted) => {
      asked.push(wanted)
      return Promise.resolve(NOTHING_PREFETCHED)
    },
    commit: (out) =>
      writesNothing(out) ? new Receipt(out.turn) : new Promise((resolve, reject) => {
        commits.push({ out, reject, resolve: () => resolve(new Receipt(out.turn)) })
      }),
    callWebhook: ({ delivery }) => void called.push(delivery),
    deliver: (send) => {
      if (send.to === 'socket' && refuses.has(send.socket)) throw new RangeError('Invalid string length')
      sent.push(send)
    },
    warn: (warning) => void warnings.push(warning),
    setAlarm: () => {},
    defer: (run) => void Promise.resolve().then(run),
    failed: (error) => void failures.push(error),
  }
  return {
    pump: startTurnLoop(state, shell),
    shell,
    state,
    clock,
    commits,
    said: sent,
    refuses,
    warnings,
    called,
    failures,
    asked,
  }
}

/** Resolves when everything has been done that can be done now. */
export const settled = () => new Promise((resolve) => setImmediate(resolve))
