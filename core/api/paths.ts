/**
 * The half of the contract that everybody needs: what each route is called, its method and its path. It has no schema and
 * imports nothing, so that the client stays small. The other half is `contract()` in each file beside this one.
 */

/** A route as its caller sees it. */
export interface Address {
  /** Method and path. */
  readonly at: `${Method} /${string}`
  /** `body?`: one that may be left out. */
  readonly takes?: 'body' | 'body?'
  /** It answers a page of a list at a time. */
  readonly paged?: true
  /** Doing it twice is doing it once. Always so for GET, PUT and DELETE. */
  readonly repeatable?: true
  /** It takes an `Idempotency-Key`, and with the same one is done once. */
  readonly idempotent?: true
  /** A status beyond 2xx that comes with an answer like any other, not with a refusal. */
  readonly also?: 503
}
type Method = 'GET' | 'POST' | 'PUT' | 'DELETE'
export type Addresses = Readonly<Record<string, Address>>

/** The beginning of every path but that of the health check. */
const V1 = '/api/v1'
/** Each repetition of a text is in what a browser loads. */
const JOBS = `${V1}/jobs` as const

/** The most jobs in one batch. */
export const BATCH_JOBS_MAX = 1_000
/** The largest batch that a client makes: below the largest body that is read, with room for what stands around the jobs. */
export const BATCH_BYTES_MAX = 1_000_000

export const PATHS = {
  fleets: {
    /** Makes a fleet. Its first admin key is in this answer only. */
    create: { at: `POST ${V1}/fleets`, takes: 'body' },
    list: { at: `GET ${V1}/fleets`, paged: true },
  },
  jobs: {
    /**
     * Resolves with the job once it is durable. Every submission has an idempotency key, so it can be sent again when the
     * answer was lost without making a second job.
     */
    submit: { at: `POST ${JOBS}`, takes: 'body', idempotent: true },
    /** Up to 1,000 jobs, each of which is accepted or refused by itself. */
    submitBatch: { at: `POST ${JOBS}/batch`, takes: 'body', idempotent: true },
    /** Jobs, newest first. Pages are fetched as the loop needs them. */
    list: { at: `GET ${JOBS}`, paged: true },
    /** The job with its parameters, result, definition and the end of its log. */
    get: { at: `GET ${JOBS}/{id}` },
    /** Every line of the job's log so far, in order. */
    logs: { at: `GET ${JOBS}/{id}/logs`, paged: true },
    /** The history of a job, in order. */
    history: { at: `GET ${JOBS}/{id}/history`, paged: true },
    /** Explains why a job is not running, and under which conditions it would run. */
    explain: { at: `GET ${JOBS}/{id}/explain` },
    /** Cancels a job. Final at once; the robot is asked to stop. Refused with `CONFLICT` when the job has already ended. */
    cancel: { at: `POST ${JOBS}/{id}/cancel`, takes: 'body?' },
    /**
     * Declares that the robot which was offered this job, and has not answered, has not started it; the job is offered
     * anew. Refused with `CONFLICT` when the robot has accepted it or may still answer, and when the job has ended.
     */
    release: { at: `POST ${JOBS}/{id}/release`, takes: 'body?' },
    /** Submits a new job that repeats one that has ended. */
    retry: { at: `POST ${JOBS}/{id}/retry` },
    /** Submits a new job that repeats a dead letter, and takes that off the list of dead letters. */
    requeue: { at: `POST ${JOBS}/{id}/requeue` },
  },
  keys: {
    /** Creates a key. The key itself is in this answer only. */
    create: { at: `POST ${V1}/keys`, takes: 'body' },
    list: { at: `GET ${V1}/keys`, paged: true },
    /** Revokes a key, and closes its connections at once. */
    revoke: { at: `DELETE ${V1}/keys/{id}` },
  },
  pools: {
    create: { at: `POST ${V1}/pools`, takes: 'body' },
    list: { at: `GET ${V1}/pools`, paged: true },
  },
  robots: {
    /** Registers a robot before it has connected. The fields that it registers with later win. */
    create: { at: `POST ${V1}/robots`, takes: 'body' },
    update: { at: `PUT ${V1}/robots/{id}`, takes: 'body' },
    list: { at: `GET ${V1}/robots`, paged: true },
    get: { at: `GET ${V1}/robots/{id}` },
    /** Gives the robot no more jobs, even after it has reconnected, until `resume`. */
    pause: { at: `POST ${V1}/robots/{id}/pause`, repeatable: true },
    resume: { at: `POST ${V1}/robots/{id}/resume`, repeatable: true },
    /** Asks the robot to shut down; `graceful`, the default, after its jobs have ended. */
    shutdown: { at: `POST ${V1}/robots/{id}/shutdown`, takes: 'body?' },
    /**
     * Asks the robot itself. Refused with `TIMEOUT` when it does not answer, with `CONNECTION_ERROR` when it is not
     * connected.
     */
    status: { at: `POST ${V1}/robots/{id}/status` },
  },
  schedules: {
    create: { at: `POST ${V1}/schedules`, takes: 'body' },
    /** Replaces every field except `enabled`; a field left out gets its default. */
    update: { at: `PUT ${V1}/schedules/{id}`, takes: 'body' },
    list: { at: `GET ${V1}/schedules`, paged: true },
    /** The schedules that are due next, nearest first: at most `limit`. */
    upcoming: { at: `GET ${V1}/schedules/upcoming`, paged: true },
    get: { at: `GET ${V1}/schedules/{id}` },
    /** The next instants at which a schedule is due, with the time at which each would be acted upon: at most `count`. */
    preview: { at: `GET ${V1}/schedules/{id}/preview`, paged: true },
    /** The outcome of every instant at which the schedule was due, the last decided first. */
    runs: { at: `GET ${V1}/schedules/{id}/runs`, paged: true },
    enable: { at: `POST ${V1}/schedules/{id}/enable`, repeatable: true },
    /** Disables the schedule. `note` says why, for others who look at it. */
    disable: { at: `POST ${V1}/schedules/{id}/disable`, takes: 'body?', repeatable: true },
    /** Makes a job now, even if the schedule is disabled. */
    trigger: { at: `POST ${V1}/schedules/{id}/trigger` },
    /** Deletes the schedule. Its jobs continue. */
    delete: { at: `DELETE ${V1}/schedules/{id}` },
  },
  workflows: {
    /** Creates a draft. Nothing runs it before `publish`. */
    create: { at: `POST ${V1}/workflows`, takes: 'body' },
    /** Saves a new version, if the definition differs. */
    update: { at: `PUT ${V1}/workflows/{id}`, takes: 'body' },
    list: { at: `GET ${V1}/workflows`, paged: true },
    get: { at: `GET ${V1}/workflows/{id}` },
    versions: { at: `GET ${V1}/workflows/{id}/versions`, paged: true },
    /** Makes the newest version the one that jobs run. */
    publish: { at: `POST ${V1}/workflows/{id}/publish`, repeatable: true },
  },
  webhooks: {
    /** Creates a webhook. The secret that signs its requests is in this answer only. */
    create: { at: `POST ${V1}/webhooks`, takes: 'body' },
    list: { at: `GET ${V1}/webhooks`, paged: true },
    get: { at: `GET ${V1}/webhooks/{id}` },
    update: { at: `PUT ${V1}/webhooks/{id}`, takes: 'body' },
    /** Deletes the webhook with all its deliveries, pending ones too. */
    delete: { at: `DELETE ${V1}/webhooks/{id}` },
    /** Enables the webhook. Deliveries that were pending when it was disabled are sent first. */
    enable: { at: `POST ${V1}/webhooks/{id}/enable`, repeatable: true },
    disable: { at: `POST ${V1}/webhooks/{id}/disable`, repeatable: true },
    /** Sends a `webhook.ping`, whichever events the webhook subscribes to. */
    test: { at: `POST ${V1}/webhooks/{id}/test` },
    /** Makes a new secret, shown in this answer only. For a day, requests are signed with the former one too. */
    rotate: { at: `POST ${V1}/webhooks/{id}/rotate` },
    /** The deliveries to a webhook, newest first. */
    deliveries: { at: `GET ${V1}/webhooks/{id}/deliveries`, paged: true },
    delivery: { at: `GET ${V1}/webhooks/{id}/deliveries/{delivery}` },
    /** Sends a delivery once more, under the same id. */
    replay: { at: `POST ${V1}/webhooks/{id}/deliveries/{delivery}/replay` },
  },
  calls: {
    start: { at: `POST ${V1}/calls/{alias}`, takes: 'body?', idempotent: true },
    get: { at: `GET ${V1}/calls/{id}` },
  },
  stats: {
    queue: { at: `GET ${V1}/stats/queue` },
    dispatcher: { at: `GET ${V1}/stats/dispatcher` },
  },
  health: {
    check: { at: 'GET /healthz', also: 503 },
  },
  triggers: {
    /** Creates a trigger. The secret that callers must send is in this answer only. */
    create: { at: `POST ${V1}/triggers`, takes: 'body' },
    /**
     * Replaces the trigger's fields; a field left out gets its default. The type stays, and so does the secret unless one
     * is given.
     */
    update: { at: `PUT ${V1}/triggers/{id}`, takes: 'body' },
    list: { at: `GET ${V1}/triggers`, paged: true },
    get: { at: `GET ${V1}/triggers/{id}` },
    /** The events that reached a trigger with their outcomes, newest first. */
    events: { at: `GET ${V1}/triggers/{id}/events`, paged: true },
    enable: { at: `POST ${V1}/triggers/{id}/enable`, repeatable: true },
    disable: { at: `POST ${V1}/triggers/{id}/disable`, repeatable: true },
    /** Deletes the trigger and its events. Its jobs continue. */
    delete: { at: `DELETE ${V1}/triggers/{id}` },
    /** Fires a trigger of any type by hand. As with `jobs.submit`, a repeat after a lost answer makes no second job. */
    fire: { at: `POST ${V1}/triggers/{id}/fire`, takes: 'body?', idempotent: true },
    /**
     * Reports file changes to a `file_watch` trigger with `reported: true`; a robot's key may do this too. The outcomes
     * are in the order of the events. A repeat after a lost answer makes no second job.
     */
    reportFiles: { at: `POST ${V1}/triggers/{id}/file-events`, takes: 'body', idempotent: true },
  },
} as const satisfies Readonly<Record<string, Addresses>>
