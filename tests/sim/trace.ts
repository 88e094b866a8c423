import type { Outgoing } from '../../core/protocol/message.ts'

/** The results of a run: the rare branches that it has reached, its hash, and short descriptions of its messages. */

/** Rare branches that the seeds together must reach, or the faults are too mild to prove anything. */
export const MARKS = [
  'late result',
  'adopted job',
  'crash between commit and send',
  'crash during recovery',
  'woken with its connections',
  'woken with running jobs',
  'woken with exclusions',
  'offer lapsed',
  'offer refused',
  'two connections of one robot',
  'commit failure recovered',
  'commit that failed was durable',
  'late commit fenced',
  'commits overlapped',
  'prefetch behind a commit',
  'receipt came late',
  'outcome unknown',
  'requeue of an always job',
  'restart with running jobs',
  'answer lost after the commit',
  'job timed out',
  'zombie spoke',
  'robot paused itself',
  'offer answered after it lapsed',
  'offer waited for its robot',
  'offer proved not to have been read',
  'offer proved not to have been taken',
  'clock set back',
  'clock set forward',
  'clock set back while down',
  'clock drifted',
  'result resent from the outbox',
  'late result after a cancel',
  'slot held by a cancelled job',
  'retry of a job that has ended',
  'requeue of a dead letter',
  'retried after a transient error',
  'dead letter',
  'idempotency key replayed',
  'idempotency key used for something else',
  'duplicate refused',
  'batch accepted in part',
  'batch answered as before',
  'webhook in its cooldown',
  'waited for room under a limit',
  'offered before its elders by age',
  'queue ten times as long as there are slots',
  'job fetched from beyond the horizon',
  'robot told to shut down',
  'status request timed out',
  'key revoked',
  'impostor turned away',
  'delivery tried again',
  'delivery given up',
  'delivery replayed',
  'deliveries on the disk only',
  'delivered twice',
  'webhook gone',
  'webhook disabled for failing',
  'too many submissions',
  'webhook called too often',
  'robot warned of its rate',
  'log lines refused',
  'flood closed',
  'delivery repeated',
  'due instant run late',
  'due instants merged',
  'due instant skipped for its age',
  'due instant skipped for an overlap',
  'stretch of due instants',
  'job replaced by its schedule',
  'schedule changed while due',
  'schedule deleted',
  'schedule run by hand',
  'job started by the end of another',
  'job called by its alias',
  'trigger fired by a run of a schedule',
  'follower stopped by a filter',
  'follower stopped by a cooldown',
  'jobs followed each other too often',
  'job led to too many others',
  'call sent again',
  'call refused for its family',
  'caller has its outcome',
  'caller gave up',
] as const

export type Mark = (typeof MARKS)[number]

/** Of FNV-1a. */
const PRIME = 0x01000193

/** The hash with one more text in it. */
export function fold(hash: number, text: string): number {
  let folded = hash
  for (let i = 0; i < text.length; i++) folded = Math.imul(folded ^ text.charCodeAt(i), PRIME)
  return folded
}

/** A message in a few words, for the trace. */
export function summaryOf({ type, payload }: Outgoing): string {
  const job = 'job_id' in payload ? ` ${payload.job_id}` : ''
  const offer = 'offer' in payload && payload.offer !== undefined ? ` offer ${payload.offer}` : ''
  const jobs = 'active_job_ids' in payload ? ` [${payload.active_job_ids?.join(' ')}]` : ''
  return `${type}${job}${offer}${jobs}`
}
