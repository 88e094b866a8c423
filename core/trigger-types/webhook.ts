import * as v from 'valibot'
import { triggerType } from './trigger-type.ts'

/** Another system calls its address. */
export const webhook = triggerType({
  name: 'webhook',
  config: v.strictObject({}),
  credential: 'secret-or-signature',
  path: '/webhook',
  rateLimited: true,
  source: false,
  listens: () => false,
  cursorSurvivesEdit: false,
  references: () => [],
  subscribes: () => [],
  screen: () => null,
})
