import { REFUSALS } from '../core/base/refusal.ts'
import { JOB_STATUSES, JOB_TRANSITIONS, type JobTransition } from '../core/records/job.ts'
import { MODE_AFTER } from '../core/robots/commands.ts'
import { takesJobs } from '../core/queue/matching.ts'
import { ROBOT_MODES, type RobotMode } from '../core/records/robot.ts'

/** The meaning and the cause of each transition. A transition without a sentence does not compile. */
const MEANING: { readonly [V in JobTransition]: string } = {
  ready: 'its time has come, its back-off is over, or another job under the same limit has made room',
  accept: 'a robot has accepted the offer, or sent any other message about the job except a refusal',
  back_off: 'an offer was refused or expired, or a transient failure is to be tried again; it waits a while',
  complete: 'the robot that holds it has sent its result',
  fail: 'its robot has reported an error that is not tried again, or was lost while it may have been running it',
  cancel: 'a user has cancelled it, or its robot has stopped it by itself',
  expire: 'it has waited in the queue, or run, longer than it may',
  requeue: 'its robot was lost, and it may always be run again',
}

/** The meaning of each mode of a robot, and what ends it. */
const MODE_MEANING: { readonly [M in RobotMode]: string } = {
  active: 'it takes jobs; no user has paused it or asked it to shut down',
  paused: 'it keeps the jobs that it has, and gets no others until it is resumed',
  resuming:
    'it gets jobs again, and each of its connections begins with a `resume` until a heartbeat says that it is not paused',
  draining: 'it ends when its jobs have ended; when it registers after its `disconnect`, it is active again',
}

/** `docs/STATES.md`, drawn from the tables that the core works by. */
export function drawStates(): string {
  const edges = JOB_STATUSES.flatMap((status) =>
    Object.entries(JOB_TRANSITIONS[status]).map(([verb, to]) => ({
      status,
      verb: verb as JobTransition,
      to: to as string,
    }))
  )
  const final = JOB_STATUSES.filter((status) => Object.keys(JOB_TRANSITIONS[status]).length === 0)
  return [
    '# States',
    '',
    'Drawn from the tables in `core/` by `npm run bless`; a test fails when this page is stale.',
    '',
    '## The life of a job',
    '',
    '```mermaid',
    'stateDiagram-v2',
    '  [*] --> queued: submit',
    '  [*] --> pending: submit, for later or held back by a concurrency limit',
    ...edges.map(({ status, verb, to }) => `  ${status} --> ${to}: ${verb}`),
    ...final.map((status) => `  ${status} --> [*]`),
    '```',
    '',
    '`pending`: not yet eligible. `queued`: eligible; waits for a robot, or for the answer of one that it has been offered',
    'to. `running`: accepted by a robot. A retry is a new job, so nothing leaves a final status.',
    '',
    '| in | transition | then | when |',
    '|---|---|---|---|',
    ...edges.map(({ status, verb, to }) => `| ${status} | \`${verb}\` | ${to} | ${MEANING[verb]} |`),
    '',
    '## The modes of a robot',
    '',
    '```mermaid',
    'stateDiagram-v2',
    '  [*] --> active',
    ...Object.entries(MODE_AFTER).map(([verb, mode]) => `  any --> ${mode}: ${verb}`),
    '  resuming --> active: heartbeat',
    '  draining --> active: disconnect',
    '```',
    '',
    '| mode | is offered jobs | what it means |',
    '|---|---|---|',
    ...ROBOT_MODES.map((mode) => `| \`${mode}\` | ${takesJobs({ mode }) ? 'yes' : 'no'} | ${MODE_MEANING[mode]} |`),
    '',
    'The mode is on disk, and holds across connections and restarts.',
    '',
    '## Refusals',
    '',
    '| code | HTTP status | try again |',
    '|---|---:|---|',
    ...Object.entries(REFUSALS).map(([code, { status, retry }]) =>
      `| \`${code}\` | ${status} | ${retry ? 'yes' : 'no'} |`
    ),
    '',
  ].join('\n')
}
