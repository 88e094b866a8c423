import * as v from 'valibot'
import { triggerType } from './trigger-type.ts'

/** A person or a program fires it by `POST /api/v1/triggers/{id}/fire`. */
export const manual = triggerType({
  name: 'manual',
  config: v.strictObject({}),
  credential: 'none',
  path: null,
  rateLimited: false,
  source: false,
  listens: () => false,
  cursorSurvivesEdit: false,
  references: () => [],
  subscribes: () => [],
  screen: () => null,
})
