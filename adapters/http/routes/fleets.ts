import { isRefusal, type Refusal } from '../../../core/base/refusal.ts'
import { fleets, type FleetView } from '../../../core/api/fleets.ts'
import { Answered, type Handlers, handlers } from '../kit/serve.ts'

/** The fleets of an installation, besides the default one. */
export interface FleetRegistry {
  /** Makes a fleet, and returns its first admin key. CONFLICT when it exists. */
  create(name: string): Promise<{ readonly adminKey: string } | Refusal>
  /** The names, in alphabetical order. */
  names(): Promise<readonly string[]>
}

/** Needs a key of the default fleet. Other fleets' contents are visible to their own keys only. */
export function fleetHandlers(registry: FleetRegistry): Handlers<typeof fleets> {
  return handlers(fleets, {
    create: async ({ body: { name } }) => {
      const made = await registry.create(name)
      if (isRefusal(made)) return made
      const fleet = fleetOf(name)
      return new Answered({ ...fleet, admin_key: made.adminKey }, { headers: { Location: fleet.path } })
    },
    list: async () => ({ items: (await registry.names()).map(fleetOf), next_cursor: null }),
  })
}

function fleetOf(name: string): FleetView {
  return { name, path: `/fleets/${name}` }
}
