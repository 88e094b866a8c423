import type { TriggerRow } from '../records/trigger.ts'
import type { Screening } from '../events/triggers.ts'
import { type Screened, type TriggerType, triggerTypeOf } from '../trigger-types/index.ts'

/**
 * Asks the filters of the trigger's type. An adapter does so before the turn, where looking may take its time: the patterns of
 * a trigger may cost a path four million comparisons. `revision` tells the turn whether the trigger is still the same.
 */
export function screen<T extends TriggerType>(trigger: TriggerRow, type: T, subject: Screened<T>): Screening {
  // One of another type is refused for that.
  const reason = trigger.trigger_type === type ? triggerTypeOf(type).screen(trigger.config, subject) : null
  return { revision: trigger.revision, reason }
}
