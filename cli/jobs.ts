import type { Readable } from 'node:stream'
import { type Command, Option } from 'commander'
import type {
  BatchOutcome,
  CasareClient,
  ExplanationView,
  JobDetail,
  JobQuery,
  JobStatus,
  JobSummary,
  NewJob,
} from '../client/client.ts'
import { newIdempotencyKey } from '../client/idempotency.ts'
import { type Counts, FileSubmission } from './batch.ts'
import { connect, wantsJson } from './connect.ts'
import { type Columns, note, print, printFields, printJson, printJsonLine, printTable, warn } from './print.ts'
import { collect, count, fileStream, fileText, jsonObject, parameter } from './read.ts'

const JOBS: Columns<JobSummary> = {
  id: ({ id }) => id,
  status: ({ status, dead_lettered }) => dead_lettered ? `${status} (dead letter)` : status,
  workflow: ({ workflow_name, workflow_id }) => workflow_name || workflow_id,
  robot: ({ robot_name, robot_id }) => robot_name || robot_id,
  progress: ({ progress }) => `${progress}%`,
  created: ({ created_at }) => created_at,
  error: ({ error_type, error_message }) =>
    error_type && error_message ? `${error_type}: ${error_message}` : error_message,
}

interface SubmitFlags {
  readonly from?: Readable
  readonly param?: Readonly<Record<string, unknown>>
  readonly parameters?: object
  readonly definition?: string
  readonly priority?: string
  readonly robot?: string
  readonly environment?: string
  readonly tag?: readonly string[]
  readonly pool?: string
  readonly at?: string
  readonly idempotencyKey?: string
  readonly wait?: boolean
  readonly quiet?: boolean
}

interface ListFlags {
  readonly status?: string
  readonly workflow?: string
  readonly robot?: string
  readonly deadLettered?: boolean
  readonly limit: number
}

/** `casare jobs …`. `end` is called with true when a job that was waited for has failed. */
export function jobCommands(program: Command, end: (failed: boolean) => void): void {
  const jobs = program.command('jobs').description('submit jobs and follow them')
  submitCommand(jobs, end)
  readCommands(jobs, end)
  changeCommands(jobs)
  pastCommands(jobs)
}

function submitCommand(jobs: Command, end: (failed: boolean) => void): void {
  jobs.command('submit').argument('[workflow]', 'the id of a published workflow').description(
    'submit a job, or with --from many',
  )
    .option('-p, --param <name=value>', 'a parameter, JSON or text; may be given several times', parameter)
    .option('--parameters <json>', 'all parameters, as a JSON object', jsonObject)
    .option(
      '--definition <file>',
      'run this workflow instead of a published one; takes a key with the scope jobs:submit-definition',
      fileText,
    )
    .option('--priority <priority>', 'low, normal, high or critical, or 0 to 3')
    .option('--robot <id>', 'this robot and no other')
    .option('--environment <name>', 'robots of this environment')
    .option('--tag <tag>', 'robots with this tag; may be given several times', collect)
    .option('--pool <name>', 'robots of this pool')
    .option('--at <time>', 'not before: ISO 8601 with Z or an offset')
    .option('--idempotency-key <key>', 'the same key submits the same job once')
    .option('--wait', 'wait until it has ended; status 0 only if it is completed')
    .addOption(
      new Option(
        '--from <file>',
        'a job for each line of this file, - for stdin: its fields as JSON, before those of the options',
      )
        .argParser(fileStream).conflicts('wait'),
    )
    .option('-q, --quiet', 'print the id and nothing else')
    .action(async (workflow: string | undefined, flags: SubmitFlags, command: Command) => {
      const client = connect(command)
      if (flags.from !== undefined) return end(await submitFile(client, workflow, flags, command))
      const job = await client.jobs.submit(jobOf(workflow, flags), { idempotencyKey: flags.idempotencyKey })
      for (const { message } of job.warnings ?? []) warn(message)
      if (flags.quiet === true) print(job.id)
      else if (flags.wait !== true) show(job, command)
      if (flags.wait === true) end(await follow(client, job.id, command, flags.quiet))
    })
}

/** Submits the lines of a file. Returns true when any was refused. */
async function submitFile(
  client: CasareClient,
  workflow: string | undefined,
  { from, idempotencyKey: key = newIdempotencyKey(), ...flags }: SubmitFlags,
  command: Command,
): Promise<boolean> {
  const isQuiet = flags.quiet === true
  const file = new FileSubmission(client, {
    key,
    defaults: jobOf(workflow, flags),
    answered: (line, outcome) => showOutcome(line, outcome, isQuiet, command),
    progressed: (counts) => isQuiet || note(countsText(counts)),
  })
  try {
    const counts = await file.run(from as Readable)
    if (!isQuiet && !wantsJson(command)) print(countsText(counts))
    return counts.refused > 0
  } catch (error) {
    note(`The same command with --idempotency-key ${key} goes on where this one has ended`)
    throw error
  }
}

function showOutcome(line: number, outcome: BatchOutcome, isQuiet: boolean, command: Command): void {
  const { job, error } = outcome
  if (wantsJson(command)) printJsonLine({ line, ...outcome })
  else if (isQuiet && job !== undefined) print(job.id)
  if (error !== undefined) note(`line ${line}: ${error.error_message} (${error.error_code})`)
}

function countsText({ submitted, before, refused }: Counts): string {
  return `${submitted} submitted${before === 0 ? '' : ` (${before} of them before)`}, ${refused} refused`
}

/** `list`, `get` and `wait`. */
function readCommands(jobs: Command, end: (failed: boolean) => void): void {
  jobs.command('list').description('the newest first')
    .option('--status <status>', 'comma-separated')
    .option('--workflow <id>', 'of this workflow')
    .option('--robot <id>', 'on this robot')
    .option('--dead-lettered', 'only dead letters')
    .option('-n, --limit <count>', 'the most to list', count, 20)
    .action(async (flags: ListFlags, command: Command) => {
      const listed = await first(connect(command).jobs.list(queryOf(flags)), flags.limit)
      if (wantsJson(command)) printJson(listed)
      else printTable(listed, JOBS)
    })

  jobs.command('get').argument('<id>').description('one job, with parameters and result')
    .action(async (id: string, _flags: object, command: Command) =>
      showDetail(await connect(command).jobs.get(id), command)
    )

  jobs.command('wait').argument('<id>').description('wait until it has ended; status 0 only if it is completed')
    .action(async (id: string, _flags: object, command: Command) => end(await follow(connect(command), id, command)))
}

/** `cancel`, `release`, `retry` and `requeue`. */
function changeCommands(jobs: Command): void {
  jobs.command('cancel').argument('<id>').description('cancel a job')
    .option('--reason <text>', 'why, for the record')
    .action(async (id: string, { reason }: { readonly reason?: string }, command: Command) =>
      show(await connect(command).jobs.cancel(id, { reason }), command)
    )

  jobs.command('release').argument('<id>').description(
    'offer a job anew: its robot has not answered, and has not started it',
  )
    .option('--reason <text>', 'how you know, for the history')
    .action(async (id: string, { reason }: { readonly reason?: string }, command: Command) =>
      show(await connect(command).jobs.release(id, { reason }), command)
    )

  for (const [verb, about] of [['retry', 'a job that has ended'], ['requeue', 'a dead letter']] as const) {
    jobs.command(verb).argument('<id>').description(`run ${about} again, as a new job`)
      .action(async (id: string, _flags: object, command: Command) =>
        show(await connect(command).jobs[verb](id), command)
      )
  }
}

/** `explain`, `history` and `logs`. */
function pastCommands(jobs: Command): void {
  jobs.command('explain').argument('<id>').description('why it is not running, and what would let it')
    .action(async (id: string, _flags: object, command: Command) => {
      const explanation = await connect(command).jobs.explain(id)
      if (wantsJson(command)) printJson(explanation)
      else printExplanation(explanation)
    })

  jobs.command('history').argument('<id>').description('what happened to it')
    .action(async (id: string, _flags: object, command: Command) => {
      const history = await first(connect(command).jobs.history(id), Infinity)
      if (wantsJson(command)) return printJson(history)
      printTable(history, {
        at: ({ at }) => at,
        event: ({ event }) => event,
        status: ({ to_status }) => to_status,
        attempt: ({ attempt }) => attempt,
        offer: ({ offer }) => offer,
        by: ({ actor }) => actor,
        detail: ({ detail }) => detail,
      })
    })

  jobs.command('logs').argument('<id>').description('every line of its log up to now')
    .action(async (id: string, _flags: object, command: Command) => {
      const lines = connect(command).jobs.logs(id)
      if (wantsJson(command)) return printJson(await first(lines, Infinity))
      for await (const { timestamp, level, message } of lines) print(`${timestamp}  ${level.padEnd(7)}  ${message}`)
    })
}

/** Waits for a job to end, and prints it. Returns true when it has failed. */
async function follow(client: CasareClient, id: string, command: Command, quiet = false): Promise<boolean> {
  const job = await client.jobs.wait(id)
  if (!quiet) showDetail(job, command)
  return job.status !== 'completed'
}

/** The first items of a list. Fetches no more pages than that takes. */
async function first<T>(list: AsyncIterable<T>, most: number): Promise<readonly T[]> {
  const items: T[] = []
  for await (const item of list) if (items.push(item) >= most) break
  return items
}

function jobOf(workflow: string | undefined, flags: SubmitFlags): NewJob {
  return {
    workflow_id: workflow,
    workflow_json: flags.definition,
    parameters: { ...flags.parameters, ...flags.param },
    // Anything else is sent as it is: the orchestrator's refusal names the allowed values.
    priority: (/^\d+$/.test(flags.priority ?? '') ? Number(flags.priority) : flags.priority) as NewJob['priority'],
    robot_id: flags.robot,
    environment: flags.environment,
    required_tags: flags.tag,
    pool: flags.pool,
    scheduled_time: flags.at,
  }
}

function queryOf(flags: ListFlags): JobQuery {
  return {
    status: flags.status as JobStatus | undefined,
    workflow_id: flags.workflow,
    robot_id: flags.robot,
    dead_lettered: flags.deadLettered,
    limit: Math.min(flags.limit, 200),
  }
}

function show(job: JobSummary, command: Command): void {
  if (wantsJson(command)) printJson(job)
  else printTable([job], JOBS)
}

function showDetail(job: JobDetail, command: Command): void {
  if (wantsJson(command)) return printJson(job)
  printFields({
    'id': job.id,
    'status': job.status,
    'dead letter': job.dead_lettered ? 'yes' : '',
    'workflow': job.workflow_name || job.workflow_id,
    'robot': job.robot_name || job.robot_id,
    'progress': [`${job.progress}%`, job.progress_message].filter((part) => part !== '').join(', '),
    'created': `${job.created_at} by ${job.created_by}`,
    'scheduled': job.scheduled_time,
    'started': job.started_at,
    'ended': job.completed_at,
    'attempt': job.attempt,
    'retry of': job.retry_of,
    'parameters': job.parameters,
    'result': job.result,
    'error type': job.error_type,
    'error': job.error_message,
    'failed node': job.failed_node,
  })
}

function printExplanation({ summary, queue, blockers, would_run_if: changes }: ExplanationView): void {
  print(summary)
  if (queue !== null) print(`It is number ${queue.position} in the queue.`)
  for (const { code, message } of blockers) print(`  ${code}: ${message}`)
  if (changes.length > 0) print('It would run now if')
  for (const { message } of changes) print(`  ${message}`)
}
