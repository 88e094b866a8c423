import * as v from 'valibot'
import { isFleetName } from '../base/fleet-name.ts'
import { PATHS } from './paths.ts'
import { PageQuery } from './query.ts'
import { contract, pageOf } from './route.ts'

export const NewFleet = v.strictObject({
  name: v.pipe(
    v.string(),
    v.check(isFleetName, 'must be 1 to 63 lower-case letters, digits or hyphens, and not begin with a hyphen'),
  ),
})

export const FleetView = v.strictObject({
  name: v.string(),
  /** The beginning of the fleet's paths, before `/api`. */
  path: v.string(),
})
export type FleetView = v.InferOutput<typeof FleetView>

/** A new fleet. Its first key is in this answer only. */
export const NewFleetView = v.strictObject({ ...FleetView.entries, admin_key: v.string() })
export type NewFleetView = v.InferOutput<typeof NewFleetView>

/** `/api/v1/fleets`: the other fleets of an installation. Only the default fleet has these routes. */
export const fleets = contract(PATHS.fleets, {
  create: {
    scope: 'admin',
    summary: '`{name}`: makes another fleet, and shows its first admin key: [Fleets](API.md#fleets)',
    body: NewFleet,
    answer: NewFleetView,
    status: 201,
  },
  list: {
    scope: 'admin',
    summary: 'Every fleet but the default one, by name',
    query: PageQuery,
    answer: pageOf(FleetView),
  },
})
