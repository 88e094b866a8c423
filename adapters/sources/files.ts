import { randomUUID } from 'node:crypto'
import { join, relative, sep } from 'node:path'
import type { FileEventType, FileWatch, WatchedFiles } from '../../core/trigger-types/file-watch.ts'
import { isRefusal } from '../../core/base/refusal.ts'
import { Backlog, type QueuedFileEvent } from './backlog.ts'
import { filePayload } from './file-payload.ts'
import { folderIn, statPath, statRealPath, walkFiles, type WatchedFolder } from './folder.ts'
import { Sleep } from './sleep.ts'
import { compilePatterns } from '../../core/base/path-patterns.ts'
import { startReported } from './reported.ts'
import { type FileEvent, Settling } from './settling.ts'
import type { Source, SourceContext, StartSource } from './sources.ts'
import { type Watcher, watchFolder } from './watcher.ts'

/** The interval at which the folder is checked to exist and to be the same. */
const CHECK_MS = 1_000
/** The interval between scans of the folder, for changes that the system missed; and if the system reports none. */
const READ_MS = 30_000
const READ_UNWATCHED_MS = 5_000
/** The delay of a scan after an event: in a burst, events may be lost (Deno buffers 1,024). */
const READ_AFTER_MS = 2_000
/** A scan may take at most one twentieth of the time, so slow folders are scanned less often. */
const READ_SHARE = 20
/** Events come in bursts: those within this time are processed together. */
const GATHER_MS = 20
/** The delay before an event that could not be emitted is tried again. */
const AGAIN_MS = 1_000
/**
 * The number of files that one trigger may watch. Each takes some 600 bytes of memory, and is checked every half
 * minute.
 */
const FILES_MAX = 50_000
/** From this number of events on, a full scan is less work. */
const HINTS_MAX = 10_000
const NOT_UTF8 = 'a name is not UTF-8, and what has such a name is not watched'

/** The source of `file_watch` triggers. It watches folders inside the roots only; none if there are no roots. */
export function watchFiles(roots: readonly string[]): StartSource {
  return (trigger, context) => {
    const config = trigger.config as FileWatch
    return config.reported ? startReported(trigger, context) : startWatch(config, roots, context)
  }
}

function startWatch(config: WatchedFiles, roots: readonly string[], context: SourceContext): Source {
  const watch = new FolderWatch(config, roots, context)
  const done = Promise.all([watch.see(), watch.deliver()])
  return {
    async stop() {
      watch.end()
      await done
    },
  }
}

/**
 * Watches one folder. `see` detects changes and `deliver` emits them. They run concurrently, so that an orchestrator
 * that cannot accept events at present does not stop the detection.
 */
class FolderWatch {
  readonly #config: WatchedFiles
  readonly #roots: readonly string[]
  readonly #context: SourceContext
  readonly #chosen: (path: string) => boolean
  readonly #wanted: ReadonlySet<FileEventType>
  /** By paths relative to the folder, which may return under another real path. */
  readonly #settling: Settling
  readonly #backlog = new Backlog()
  readonly #hints = new Set<string>()
  readonly #untilLook = new Sleep()
  readonly #untilDelivery = new Sleep()
  #folder: WatchedFolder | null = null
  /** The identity of the folder when it last existed. */
  #identity: string | null = null
  #watcher: Watcher | null = null
  #inside: ReadonlySet<string> = new Set()
  #checkAt = 0
  #readAt = 0
  #readAgainAt = 0
  /** A finished change could not be checked: it is tried again with the next check. */
  #isStuck = false
  #lastStatus = ''
  /** A name that is not UTF-8. */
  #unnamed: string | null = null
  #ended = false

  constructor(config: WatchedFiles, roots: readonly string[], context: SourceContext) {
    this.#config = config
    this.#roots = roots
    this.#context = context
    const chosen = compilePatterns(config.patterns)
    this.#chosen = (path) => chosen(path.replaceAll(sep, '/'))
    this.#wanted = new Set(config.events)
    this.#settling = new Settling({ debounceMs: config.debounce_ms, settleMs: config.settle_ms })
  }

  end(): void {
    this.#ended = true
    this.#untilLook.wake()
    this.#untilDelivery.wake()
  }

  async see(): Promise<void> {
    while (!this.#ended) {
      const began = performance.now()
      try {
        await this.#turn()
      } catch (error) {
        this.#leave(error instanceof Error ? error.message : String(error))
        const took = performance.now() - began
        this.#checkAt = performance.now() + Math.max(READ_UNWATCHED_MS, took * READ_SHARE)
      }
      await this.#untilLook.wait(Math.max(GATHER_MS, this.#next() - performance.now()))
    }
    this.#watcher?.close()
  }

  /** The instant of the next work, if no event comes before it. */
  #next(): number {
    if (this.#folder === null || this.#isStuck) return this.#checkAt
    return Math.min(this.#checkAt, this.#readAt, this.#settling.next())
  }

  async #turn(): Promise<void> {
    // If the folder itself is away, its missing files are not deletions.
    const isDue = this.#settling.due(performance.now()).length > 0
    if (isDue || performance.now() >= this.#checkAt) await this.#check()
    if (this.#folder === null) return
    const { real } = this.#folder
    if (performance.now() >= this.#readAt || this.#hints.size > HINTS_MAX) {
      await this.#read(real)
      if (this.#watcher?.limit() !== null) await this.#watch(real)
    }
    const hints = [...this.#hints]
    this.#hints.clear()
    if (hints.length > 0) this.#readBy(performance.now() + READ_AFTER_MS)
    for (const path of hints) {
      if (this.#ended) return
      await this.#hinted(real, path)
    }
    this.#isStuck = false
    for (const path of this.#settling.due(performance.now())) {
      if (this.#ended) return
      if (this.#backlog.isFull || !await this.#look(real, path)) this.#isStuck = true
      else this.#put(this.#settling.take(path, performance.now()))
    }
  }

  /** Checks that the folder exists, lies inside the roots, and is the same as before. */
  async #check(): Promise<void> {
    this.#checkAt = performance.now() + CHECK_MS
    const folder = await folderIn(this.#roots, this.#config.watch_path)
    if (isRefusal(folder)) return this.#leave(folder.message)
    if (this.#folder?.real !== folder.real || this.#folder.identity !== folder.identity) await this.#enter(folder)
    const limit = this.#watcher?.limit() ?? null
    const but = this.#unnamed === null ? '' : `; ${NOT_UTF8}: ${this.#unnamed}`
    if (limit === null) this.#setStatus('active', `watching ${folder.path}${but}`)
    else this.#setStatus('error', `${limit}; meanwhile the folder is read every ${READ_UNWATCHED_MS / 1_000} seconds`)
  }

  #leave(why: string): void {
    this.#watcher?.close()
    this.#watcher = null
    this.#folder = null
    this.#hints.clear()
    this.#settling.away()
    this.#setStatus('error', why)
  }

  async #enter(folder: WatchedFolder): Promise<void> {
    this.#watcher?.close()
    this.#hints.clear()
    this.#settling.away()
    if (this.#identity !== null && this.#identity !== folder.identity) this.#settling.replaced()
    // Files present at the first scan are not events.
    await this.#read(folder.real, this.#identity === null)
    this.#identity = folder.identity
    this.#folder = folder
    await this.#watch(folder.real)
  }

  async #watch(real: string): Promise<void> {
    this.#watcher?.close()
    this.#watcher = await watchFolder(real, this.#config.recursive, this.#inside, (path) => {
      if (this.#hints.size === 0) setTimeout(() => this.#untilLook.wake(), GATHER_MS)
      if (this.#hints.size <= HINTS_MAX) this.#hints.add(path)
    })
  }

  /** Scans the whole folder and compares it with the known files. */
  async #read(real: string, isFirst = false): Promise<void> {
    const began = performance.now()
    const there = new Set<string>()
    const inside = new Set<string>()
    let unnamed: string | null = null
    const files = walkFiles(real, this.#config.recursive, (path) => inside.add(path), (path, isFile) => {
      if (!isFile || this.#chosen(relative(real, path))) unnamed ??= relative(real, path)
    })
    for await (const path of files) {
      if (this.#ended) return
      const file = relative(real, path)
      if (!this.#chosen(file)) continue
      there.add(file)
      if (there.size > FILES_MAX) throw new Error(`more than ${FILES_MAX} files are watched: choose fewer by patterns`)
      const look = await statPath(path)
      if (typeof look === 'string') continue
      if (isFirst) this.#settling.settled(file, look.file)
      else this.#settling.found(file, look.file, performance.now())
    }
    this.#inside = inside
    this.#passOver(unnamed)
    for (const file of this.#settling.paths()) if (!there.has(file)) await this.#look(real, file)
    const every = this.#watcher?.limit() === null ? READ_MS : READ_UNWATCHED_MS
    this.#readAgainAt = performance.now() + (performance.now() - began) * READ_SHARE
    this.#readAt = Math.max(this.#readAgainAt, performance.now() + every)
  }

  /** Reports a name that is not UTF-8, once. */
  #passOver(name: string | null): void {
    const isNew = name !== null && this.#unnamed === null
    if (isNew) this.#context.log('warn', NOT_UTF8, { watch_path: this.#config.watch_path, name })
    this.#unnamed = name
  }

  async #hinted(real: string, path: string): Promise<void> {
    const file = relative(real, path)
    if (file === '') return
    if (this.#chosen(file)) await this.#look(real, file)
    // A folder that appears or disappears takes its content along.
    if (!this.#config.recursive) return
    if (this.#inside.has(path) || await statPath(path) === 'folder') this.#readBy(0)
  }

  #readBy(at: number): void {
    this.#readAt = Math.min(this.#readAt, Math.max(at, this.#readAgainAt))
  }

  /** Checks one file. Returns false if its state could not be determined. */
  async #look(real: string, file: string): Promise<boolean> {
    const look = await statRealPath(join(real, file))
    if (look === 'unknown') return false
    if (typeof look === 'string') this.#settling.missed(file, performance.now())
    else this.#settling.found(file, look.file, performance.now())
    return true
  }

  /**
   * Queues an event. For a trigger that does not want moves, a moved file is deleted in one place and created in the
   * other.
   */
  #put(event: FileEvent | null): void {
    if (event === null) return
    const { type, path, source } = event
    const parts: readonly FileEvent[] = type !== 'moved' || source === null || this.#wanted.has('moved')
      ? [event]
      : [{ type: 'deleted', path: source, source: null, size: null }, { ...event, type: 'created', path, source: null }]
    for (const part of parts) {
      if (!this.#wanted.has(part.type)) continue
      this.#backlog.put({ event: part, dedupeKey: randomUUID(), at: new Date().toISOString() })
      this.#untilDelivery.wake()
    }
  }

  async deliver(): Promise<void> {
    while (!this.#ended) {
      const queued = this.#backlog.first
      if (queued === undefined) await this.#untilDelivery.wait(CHECK_MS)
      else if (await this.#emitted(queued)) this.#backlog.done(queued)
      else await this.#untilDelivery.wait(AGAIN_MS)
    }
  }

  /** Emits an event. Returns true if it is done: it was accepted, or its file no longer exists. */
  async #emitted({ event, dedupeKey, at: when }: QueuedFileEvent): Promise<boolean> {
    const { type, path, source, size } = event
    try {
      // Check again, since much may have changed: the reported file must lie inside a root now.
      const folder = await folderIn(this.#roots, this.#config.watch_path)
      if (isRefusal(folder)) return false
      const look = type === 'deleted' ? null : await statRealPath(join(folder.real, path))
      if (look === 'unknown') return false
      if (typeof look === 'string') return true
      const at = (file: string): string => join(folder.path, file)
      const payload = filePayload({ type, path: at(path), at: when, source: source === null ? null : at(source), size })
      const metadata = { source: 'watch', watch_path: folder.path, event_type: type }
      return await this.#context.emit({ payload, metadata, dedupeKey }) === 'done'
    } catch (error) {
      this.#context.log('error', 'a file event could not be reported', { path, error: String(error) })
      return false
    }
  }

  #setStatus(state: 'active' | 'error', detail: string): void {
    if (this.#lastStatus === `${state} ${detail}`) return
    this.#lastStatus = `${state} ${detail}`
    this.#context.setStatus(state, detail)
  }
}
