import greeting from '../../workflows/library/greeting.json' with { type: 'json' }
import ordersTotal from '../../workflows/library/orders-total.json' with { type: 'json' }
import urlCheck from '../../workflows/library/url-check.json' with { type: 'json' }
import type { Sample } from '../commands/installation.ts'
import start from '../store/schema/0001_start.sql'
import { type Migration, migrationsOf } from '../store/schema.ts'

/**
 * The files that Node and Deno read from folders, and a Worker has in its bundle. A test compares the two: a migration
 * that is missing here would be missing in every object.
 */
export const MIGRATIONS: readonly Migration[] = migrationsOf({
  '0001_start.sql': start,
})

export const SAMPLES: readonly Sample[] = Object.entries({
  'greeting': greeting,
  'orders-total': ordersTotal,
  'url-check': urlCheck,
}).map(([id, definition]) => ({ id, json: JSON.stringify(definition) }))
