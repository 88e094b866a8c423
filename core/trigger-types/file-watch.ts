import * as v from 'valibot'
import { GLOB_CHARS_MAX, globChars } from '../base/glob.ts'
import { compilePatterns, withForwardSlashes } from '../base/path-patterns.ts'
import { moment } from '../protocol/moment.ts'
import { triggerType } from './trigger-type.ts'

/** The config of a `file_watch` trigger, and the format in which a robot reports changes of its files. */

const FILE_EVENTS = ['created', 'modified', 'deleted', 'moved'] as const
export type FileEventType = (typeof FILE_EVENTS)[number]

/** The number of events in one report. Each may be a job. */
const REPORTED_MAX = 100

const path = v.pipe(v.string(), v.nonEmpty('must not be empty'), v.maxLength(4_096))
const milliseconds = (max: number) => v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(max))

const chosen = {
  /** Globs; one that begins with `!` leaves out what the others let in. */
  patterns: v.optional(
    v.pipe(
      v.array(v.pipe(v.string(), v.nonEmpty(), v.maxLength(200))),
      v.minLength(1),
      v.maxLength(100),
      v.check(
        (patterns) => (globChars(patterns) ?? Infinity) <= GLOB_CHARS_MAX,
        `must not exceed ${GLOB_CHARS_MAX} characters together, with their braces written out`,
      ),
    ),
    ['*'],
  ),
  events: v.optional(
    v.pipe(v.array(v.picklist(FILE_EVENTS)), v.minLength(1), v.maxLength(FILE_EVENTS.length)),
    ['created', 'modified'],
  ),
}

/** A folder of the orchestrator's own machine. */
const Watched = v.strictObject({
  reported: v.optional(v.literal(false), false),
  watch_path: path,
  recursive: v.optional(v.boolean(), false),
  /** Changes of one file that are no further apart than this are one event. */
  debounce_ms: v.optional(milliseconds(600_000), 1_000),
  /** For how long size and modification time must stay as they are before a file counts as written. */
  settle_ms: v.optional(milliseconds(3_600_000), 2_000),
  ...chosen,
})

/** Files of other machines: robots say what happens to them. */
const Reported = v.strictObject({ reported: v.literal(true), ...chosen })

export const FileWatch = v.variant('reported', [Watched, Reported])

/** Files appear or change, in a folder here or on a robot's machine. */
export const fileWatch = triggerType({
  name: 'file_watch',
  config: FileWatch,
  credential: 'none',
  path: null,
  rateLimited: false,
  source: true,
  // Robots' reports arrive as requests, like submitted jobs.
  listens: ({ reported }) => !reported,
  // Another folder begins anew.
  cursorSurvivesEdit: false,
  references: () => [],
  subscribes: () => [],
  screen: filterFile,
})

/** The body of `POST /api/v1/triggers/{id}/file-events`. */
export const FileReport = v.strictObject({
  events: v.pipe(
    v.array(v.strictObject({
      /** As the robot's machine writes it. */
      file_path: path,
      event_type: v.picklist(FILE_EVENTS),
      /** The former path of a moved file. */
      src_path: v.nullish(path, null),
      /** The instant of the change; by default that of the report. */
      timestamp: v.nullish(moment, null),
      size: v.nullish(v.pipe(v.number(), v.safeInteger(), v.minValue(0)), null),
    })),
    v.minLength(1),
    v.maxLength(REPORTED_MAX),
  ),
})

export type WatchedFiles = v.InferOutput<typeof Watched>
export type FileWatch = v.InferOutput<typeof FileWatch>
export type FileReport = v.InferOutput<typeof FileReport>
export type ReportedEvent = FileReport['events'][number]

function filterFile(
  config: FileWatch,
  { event_type, file_path }: Pick<ReportedEvent, 'event_type' | 'file_path'>,
): string | null {
  if (!config.events.includes(event_type)) return 'events'
  return patternsOf(config.patterns)(withForwardSlashes(file_path)) ? null : 'patterns'
}

const compiled = new WeakMap<readonly string[], (path: string) => boolean>()

/** Compiling takes longer than a short path, and the patterns of a trigger stay the same. */
function patternsOf(patterns: readonly string[]): (path: string) => boolean {
  const before = compiled.get(patterns)
  if (before !== undefined) return before
  const made = compilePatterns(patterns)
  compiled.set(patterns, made)
  return made
}
