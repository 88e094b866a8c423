import { createInterface } from 'node:readline'
import type { Store } from '../../adapters/store/contract.ts'
import { StoreUnusable } from '../../adapters/store/contract.ts'
import { openLibsqlStore } from '../../adapters/store/libsql.ts'
import { verifiedStore } from '../../adapters/store/trusted.ts'
import { sha256 } from '../../adapters/crypto/secrets.ts'
import { SOON } from './disk.ts'

/**
 * Reads everything in each database whose path comes in as a line, and says in a line what it read, as a hash, or why it
 * does not. A process of its own, for what it reads may be such that the process ends.
 */

for await (const path of createInterface({ input: process.stdin })) {
  process.stdout.write(`${await answer(path)}\n`)
}

async function answer(path: string): Promise<string> {
  let store: Store | undefined
  try {
    store = verifiedStore(await openLibsqlStore({ path }), () => {})
    return `same ${sha256(JSON.stringify(await all(store)))}`
  } catch (error) {
    if (error instanceof StoreUnusable) return `refused ${error.message}`
    return `wrong ${String(error)}`
  } finally {
    await store?.close()
  }
}

/** All that anybody may ask for. */
async function all(store: Store): Promise<unknown> {
  const { epoch: _, ...stored } = await store.load(SOON, 0)
  const { queries } = store
  const page = { limit: 1000 }
  const jobs = await queries.jobs(page)
  const workflows = await queries.workflows(page)
  const triggers = await queries.triggers(page)
  const schedules = await queries.schedules(page)
  const webhooks = await queries.webhooks(page)
  const each = <T>(rows: readonly T[], ask: (row: T) => Promise<unknown>) => Promise.all(rows.map(ask))
  return [
    stored,
    jobs,
    await each(jobs.items, async ({ id, definition }) => [
      await queries.job(id),
      await queries.history(id),
      await queries.logs(id, { after: 0, limit: 100 }),
      await queries.definition(definition),
    ]),
    workflows,
    await each(workflows.items, ({ id }) => queries.versions(id)),
    await queries.robots(page),
    triggers,
    await each(triggers.items, ({ id }) => queries.triggerEvents(id, { limit: 100 })),
    schedules,
    await each(schedules.items, ({ id }) => queries.scheduleRuns(id, { limit: 100 })),
    await queries.keys(page),
    await queries.pools(),
    webhooks,
    await each(webhooks.items, ({ id }) => queries.deliveries({ webhook_id: id, limit: 100 })),
  ]
}
