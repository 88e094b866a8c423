import { basename } from 'node:path'
import type { Command } from 'commander'
import { type CasareClient, CasareError, type PublishedWorkflow } from '../client/client.ts'
import { connect, wantsJson } from './connect.ts'
import { type Columns, printFields, printJson, printTable, warn } from './print.ts'
import { fileText } from './read.ts'

interface NamedFile {
  /** The file name without folder and extension. */
  readonly stem: string
  readonly text: string
}

interface PublishFlags {
  readonly id?: string
  readonly name?: string
}

/** `casare robots`, `workflows`, `schedules`, `stats` and `health`. */
export function recordCommands(program: Command): void {
  robotCommands(program)
  workflowCommands(program)
  scheduleCommands(program)
  fleetCommands(program)
}

function robotCommands(program: Command): void {
  program.command('robots').description('robots and their present state').command('list')
    .action((_flags: object, command: Command) =>
      list(connect(command).robots.list(), command, {
        id: ({ id }) => id,
        name: ({ name }) => name,
        status: ({ status }) => status,
        jobs: ({ current_jobs, max_concurrent_jobs }) => `${current_jobs} of ${max_concurrent_jobs}`,
        environment: ({ environment }) => environment,
        tags: ({ tags }) => tags,
        'last seen': ({ last_seen }) => last_seen,
      })
    )
}

function workflowCommands(program: Command): void {
  const workflows = program.command('workflows').description('workflows on record')
  workflows.command('publish').argument('<file>', 'its definition, as JSON', fileNamed).description(
    'make it what its jobs run',
  )
    .option('--id <id>', 'the id of the workflow: without it, the name of the file')
    .option('--name <name>', 'its name: without it, the name that it has, or its id')
    .action(async ({ stem, text }: NamedFile, flags: PublishFlags, command: Command) => {
      const client = connect(command)
      const published = await publish(client, flags.id ?? stem, flags.name, text)
      for (const { message } of published.warnings) warn(message)
      if (wantsJson(command)) printJson(published)
      else printTable([published], { id: (row) => row.id, name: (row) => row.name, version: (row) => row.version })
    })
  workflows.command('list')
    .action((_flags: object, command: Command) =>
      list(connect(command).workflows.list(), command, {
        id: ({ id }) => id,
        name: ({ name }) => name,
        status: ({ status }) => status,
        version: ({ version }) => version,
        published: ({ published_version }) => published_version,
        runs: ({ execution_count }) => execution_count,
        completed: ({ success_count }) => success_count,
        'mean time': ({ avg_duration_ms }) => `${avg_duration_ms} ms`,
      })
    )
}

function scheduleCommands(program: Command): void {
  const schedules = program.command('schedules').description('schedules, which make jobs at given times')
  schedules.command('list')
    .action((_flags: object, command: Command) =>
      list(connect(command).schedules.list(), command, {
        id: ({ id }) => id,
        name: ({ name }) => name,
        enabled: ({ enabled, note }) => (enabled ? 'yes' : `no${note === '' ? '' : `: ${note}`}`),
        pattern: ({ frequency, cron_expression }) => cron_expression || frequency,
        zone: ({ timezone }) => timezone,
        next: ({ next_run }) => next_run,
        runs: ({ run_count }) => run_count,
        completed: ({ success_count }) => success_count,
      })
    )
  schedules.command('preview <id>').description('the next instants at which it is due')
    .option('--count <n>', 'how many times', '10')
    .action((id: string, { count }: { readonly count: string }, command: Command) =>
      list(connect(command).schedules.preview(id, { count: Number(count) }), command, {
        due: ({ due_at }) => due_at,
        'acted upon': ({ fires_at }) => fires_at,
      })
    )
}

/** `stats` and `health`. */
function fleetCommands(program: Command): void {
  program.command('stats').description('how many jobs and robots there are')
    .action(async (_flags: object, command: Command) => {
      const client = connect(command)
      const [queue, dispatcher] = await Promise.all([client.stats.queue(), client.stats.dispatcher()])
      if (wantsJson(command)) return printJson({ queue, dispatcher })
      const { by_priority: { critical, high, normal, low } } = queue
      printFields({
        'running': queue.running,
        'queued': `${queue.queued} (critical ${critical}, high ${high}, normal ${normal}, low ${low})`,
        'pending': queue.pending,
        'robots': `${dispatcher.total_robots} (${dispatcher.online} online, ${dispatcher.busy} busy, ` +
          `${dispatcher.maintenance} in maintenance, ${dispatcher.error} in error, ${dispatcher.offline} offline)`,
        'slots': `${dispatcher.current_load} of ${dispatcher.total_capacity} in use (${dispatcher.utilization}%)`,
        'strategy': dispatcher.strategy,
      })
    })

  program.command('health').description('whether the orchestrator takes jobs')
    .action(async (_flags: object, command: Command) => {
      const health = await connect(command).health()
      if (wantsJson(command)) printJson(health)
      else printFields({ ...health })
      if (health.status !== 'ok') throw new Error(`the orchestrator is ${health.status}`)
    })
}

async function list<T>(items: AsyncIterable<T>, command: Command, columns: Columns<T>): Promise<void> {
  const rows: T[] = []
  for await (const item of items) rows.push(item)
  if (wantsJson(command)) printJson(rows)
  else printTable(rows, columns)
}

function fileNamed(path: string): NamedFile {
  return { stem: basename(path).replace(/\.json$/i, ''), text: fileText(path) }
}

/**
 * Saves a workflow, creating it if it is unknown, and publishes it. The name of a known one stays unless another is
 * given.
 */
async function publish(
  client: CasareClient,
  id: string,
  name: string | undefined,
  json_definition: string,
): Promise<PublishedWorkflow> {
  const known = await client.workflows.get(id).catch((error: unknown) => {
    if (error instanceof CasareError && error.code === 'NOT_FOUND') return null
    throw error
  })
  if (known === null) await client.workflows.create({ id, name: name ?? id, json_definition })
  else {
    const { description, tags, max_concurrent } = known
    await client.workflows.update(id, { name: name ?? known.name, description, tags, max_concurrent, json_definition })
  }
  return client.workflows.publish(id)
}
