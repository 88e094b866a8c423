import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import * as v from 'valibot'
import { afterAll, afterEach } from 'vitest'
import { watchFiles } from '../../../adapters/sources/files.ts'
import type { Source, SourceContext } from '../../../adapters/sources/sources.ts'
import { FileWatch } from '../../../core/trigger-types/file-watch.ts'
import type { JsonObject } from '../../../core/base/json.ts'
import type { TriggerRow } from '../../../core/records/trigger.ts'

/** The longest wait of the tests. */
const SOON_MS = 60_000

/** A source on real folders, and its reports. */
export class Watching {
  readonly fired: JsonObject[] = []
  readonly once: string[] = []
  readonly states: string[] = []
  /** The orchestrator's answer. */
  answer: 'done' | 'later' = 'done'
  asked = 0
  readonly #source: Source

  constructor(roots: readonly string[], config: object) {
    const tell: SourceContext = {
      emit: ({ payload, dedupeKey }) => {
        this.asked++
        if (this.answer === 'done') {
          this.fired.push(payload)
          this.once.push(dedupeKey ?? '')
        }
        return Promise.resolve(this.answer)
      },
      saveCursor: () => Promise.resolve('done'),
      setStatus: (state, detail) => void this.states.push(`${state}: ${detail}`),
      log: (level, message, details) => void this.states.push(`${level}: ${message} ${JSON.stringify(details)}`),
    }
    this.#source = watchFiles(roots)({ config: v.parse(FileWatch, config) } as unknown as TriggerRow, tell)
  }

  /** Waits until the last reported status matches. */
  async reported(pattern: RegExp): Promise<void> {
    await until(() => pattern.test(this.states.at(-1) ?? ''), () => `${pattern}: ${this.states.join('\n')}`)
  }

  /** Waits for this many events, and then a little for one too many. Each as `type path`, in order. */
  async events(count: number): Promise<readonly string[]> {
    await until(
      () => this.fired.length >= count,
      () => `${count} events: ${JSON.stringify(this.fired).slice(0, 1_000)}`,
    )
    await pause(300)
    return this.fired.map(({ event_type, file_path, src_path }) =>
      [event_type, ...(src_path === undefined ? [] : [src_path, '>']), file_path].join(' ')
    ).toSorted()
  }

  stop(): Promise<void> {
    return this.#source.stop()
  }
}

/** Waits until something is so, and throws what it would have been when it never is. */
export async function until(holds: () => boolean, story: () => string): Promise<void> {
  const end = performance.now() + SOON_MS
  while (!holds()) {
    if (performance.now() > end) throw new Error(`it did not happen: ${story()}`)
    await pause(10)
  }
}

const folders: string[] = []

/** A new folder, by its real path. */
export function newFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'casare-files-')))
  folders.push(folder)
  return folder
}

/** Removes all that were made. */
export function removeFolders(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true })
}

export const QUICK = { debounce_ms: 50, settle_ms: 100 }

/** Folders for the tests of a file, watched with short waits. What a test has watched is stopped after it. */
export function useFolders(): {
  /** The running watchers; a test that starts its own adds it. */
  readonly running: Watching[]
  readonly watching: (root: string, config?: object) => Promise<Watching>
} {
  const running: Watching[] = []
  afterEach(async () => {
    await Promise.all(running.splice(0).map((watching) => watching.stop()))
  })
  afterAll(removeFolders)
  return {
    running,
    async watching(root, config = {}) {
      const one = new Watching([root], { watch_path: root, ...QUICK, ...config })
      running.push(one)
      await one.reported(/^active: watching /)
      return one
    },
  }
}
