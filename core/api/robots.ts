import * as v from 'valibot'
import { ROBOT_SLOTS_MAX } from '../protocol/message.ts'
import { unreadable } from '../protocol/repertoire.ts'
import { newRobotId } from '../protocol/robot-id.ts'
import { writtenObject } from '../protocol/written.ts'
import { anyObject, count, list, number, oneOf, text } from '../records/fields.ts'
import { time } from '../records/record.ts'
import { Metrics, Robot, ROBOT_STATUSES } from '../records/robot.ts'
import { environmentField, nameField, namesField } from './fields.ts'
import { PATHS } from './paths.ts'
import { PageQuery } from './query.ts'
import { contract, pageOf } from './route.ts'

export const NewRobot = v.strictObject({
  id: v.optional(newRobotId),
  name: nameField,
  environment: v.optional(environmentField, 'default'),
  max_concurrent_jobs: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(ROBOT_SLOTS_MAX)), 1),
  tags: v.optional(namesField, []),
  capabilities: v.optional(
    v.pipe(
      writtenObject,
      v.rawCheck(({ dataset, addIssue }) => {
        for (const field of dataset.typed ? unreadable(dataset.value) : []) {
          addIssue({ message: `${field} must be an array of strings` })
        }
      }),
    ),
    {},
  ),
})

const Shutdown = v.strictObject({ graceful: v.optional(v.boolean(), true) })

/** A robot's record and its present state. */
const RobotNowView = v.strictObject({
  ...Robot.view.entries,
  status: oneOf(ROBOT_STATUSES),
  current_jobs: count,
  active_job_ids: list(text),
  /** The instant of its last frame; null if it has never connected. */
  last_seen: v.nullable(time),
  last_heartbeat: v.nullable(time),
  connected_since: v.nullable(time),
  /** Two machines connect as this robot and replace each other, since then; null: there is one. */
  conflict: v.nullable(v.strictObject({ since: time, takeovers: count })),
  metrics: Metrics,
})
export type RobotView = Readonly<v.InferOutput<typeof RobotNowView>>

/** The latest report of a robot. */
const RobotReportView = v.strictObject({
  robot_id: text,
  status: text,
  current_jobs: number,
  /** null where it does not say which jobs it has. */
  active_job_ids: v.nullable(list(text)),
  uptime_seconds: v.nullable(number),
  system_info: anyObject,
  metrics: Metrics,
  at: time,
})
export type ReportView = Readonly<v.InferOutput<typeof RobotReportView>>

/** `/api/v1/robots`. What is on record comes from the store, how they are just now from memory. */
export const robots = contract(PATHS.robots, {
  create: {
    scope: 'admin',
    summary: 'on record before it connects; what it registers with wins',
    body: NewRobot,
    answer: RobotNowView,
    status: 201,
    location: 'robots',
  },
  update: {
    scope: 'admin',
    summary: 'changes what is on record',
    body: NewRobot,
    answer: RobotNowView,
    location: 'robots',
  },
  list: { scope: 'jobs:read', summary: 'every robot, as below', query: PageQuery, answer: pageOf(RobotNowView) },
  get: {
    scope: 'jobs:read',
    summary:
      'with status and load as they are just now, `last_heartbeat` and `metrics` as it reported them last, also while it is away; `last_seen` is null before its first registration; `last_disconnect` (`at`, `code`, `reason`) tells how its last connection ended, `conflict` that two machines use its id',
    answer: RobotNowView,
    tagged: true,
  },
  pause: {
    scope: 'robots:control',
    summary: 'takes no more jobs, even after it has reconnected, until `resume`; remembered, and sent to it at once',
    answer: RobotNowView,
    location: 'robots',
  },
  resume: { scope: 'robots:control', summary: 'takes jobs again', answer: RobotNowView, location: 'robots' },
  shutdown: {
    scope: 'robots:control',
    summary: '`{graceful?}`: shuts down, where `graceful` (the default) once its jobs have ended',
    body: Shutdown,
    answer: RobotNowView,
    location: 'robots',
  },
  status: {
    scope: 'jobs:read',
    summary: 'asks the robot itself, and answers what it reports; 504 when it does not answer, 502 when it is away',
    answer: RobotReportView,
  },
})
