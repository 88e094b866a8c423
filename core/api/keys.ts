import * as v from 'valibot'
import { Key, problemWithKeyName, SCOPES } from '../records/key.ts'
import type { ViewOf } from '../records/record.ts'
import { newRobotId } from '../protocol/robot-id.ts'
import { PATHS } from './paths.ts'
import { PageQuery } from './query.ts'
import { nameField } from './fields.ts'
import { contract, pageOf } from './route.ts'

export const NewKey = v.strictObject({
  /** The name that histories show for changes made with the key. */
  name: v.pipe(
    nameField,
    v.rawCheck(({ dataset, addIssue }) => {
      const problem = dataset.typed ? problemWithKeyName(dataset.value) : null
      if (problem !== null) addIssue({ message: problem })
    }),
  ),
  scopes: v.pipe(
    v.array(v.picklist(SCOPES)),
    v.minLength(1),
  ),
  robot_id: v.nullish(newRobotId, null),
})
export type NewKey = v.InferOutput<typeof NewKey>

/** A key, without the key itself. */
export type KeyView = ViewOf<typeof Key>

/** A key that was made just now: the key itself is shown this once. */
export const NewKeyView = v.strictObject({ ...Key.view.entries, key: v.string() })
export type NewKeyView = v.InferOutput<typeof NewKeyView>

/** `/api/v1/keys`: one for each robot and each program, revoked one by one. */
export const keys = contract(PATHS.keys, {
  create: {
    scope: 'admin',
    summary:
      '`{name, scopes, robot_id?}`: the key is in this answer only. A `name` that stands for the orchestrator (`system`, `robot:…`) is refused. ' +
      'With `robots:connect` and without `robot_id` it is for one new robot ([P70](PROTOCOL.md#connecting))',
    body: NewKey,
    answer: NewKeyView,
    status: 201,
  },
  list: {
    scope: 'admin',
    summary: 'Every key, the oldest first, without the keys themselves',
    query: PageQuery,
    answer: pageOf(Key.view),
  },
  revoke: { scope: 'admin', summary: 'Revokes the key and closes its connections at once', answer: Key.view },
})
