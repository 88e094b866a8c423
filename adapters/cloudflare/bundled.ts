import greeting from '../../workflows/library/greeting.json' with { type: 'json' }
import ordersTotal from '../../workflows/library/orders-total.json' with { type: 'json' }
import urlCheck from '../../workflows/library/url-check.json' with { type: 'json' }
import type { Sample } from '../commands/installation.ts'
import start from '../store/schema/0001_start.sql'
import jobLife from '../store/schema/0002_job_life.sql'
import triggerAuth from '../store/schema/0003_trigger_auth.sql'
import schedules from '../store/schema/0004_schedules.sql'
import webhooks from '../store/schema/0005_webhooks.sql'
import triggerEvents from '../store/schema/0006_trigger_events.sql'
import offers from '../store/schema/0007_offers.sql'
import clock from '../store/schema/0008_clock.sql'
import reports from '../store/schema/0009_reports.sql'
import robotAway from '../store/schema/0010_robot_away.sql'
import damage from '../store/schema/0011_damage.sql'
import families from '../store/schema/0012_families.sql'
import { type Migration, migrationsOf } from '../store/schema.ts'

/**
 * The files that Node and Deno read from folders, and a Worker has in its bundle. A test compares the two: a migration
 * that is missing here would be missing in every object.
 */
export const MIGRATIONS: readonly Migration[] = migrationsOf({
  '0001_start.sql': start,
  '0002_job_life.sql': jobLife,
  '0003_trigger_auth.sql': triggerAuth,
  '0004_schedules.sql': schedules,
  '0005_webhooks.sql': webhooks,
  '0006_trigger_events.sql': triggerEvents,
  '0007_offers.sql': offers,
  '0008_clock.sql': clock,
  '0009_reports.sql': reports,
  '0010_robot_away.sql': robotAway,
  '0011_damage.sql': damage,
  '0012_families.sql': families,
})

export const SAMPLES: readonly Sample[] = Object.entries({
  'greeting': greeting,
  'orders-total': ordersTotal,
  'url-check': urlCheck,
}).map(([id, definition]) => ({ id, json: JSON.stringify(definition) }))
