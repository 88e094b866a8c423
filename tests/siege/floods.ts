import { INSIDERS } from './insiders.ts'
import { type Flood, STRANGERS } from './strangers.ts'

/** Everything that is tried, those without a key first. */
export const FLOODS: readonly Flood[] = [...STRANGERS, ...INSIDERS]
