import { robots, type RobotView } from '../../../core/api/robots.ts'
import type { RobotId } from '../../../core/base/ids.ts'
import { isRefusal, notFound, type Refusal } from '../../../core/base/refusal.ts'
import type { ReplyTo } from '../../../core/reply.ts'
import { presence } from '../../../core/robots/presence.ts'
import type { Fleet } from '../../fleet/fleet.ts'
import { reportView, robotView } from '../../views/robots.ts'
import { handlers, pageOfRows } from '../kit/serve.ts'

export const robotHandlers = handlers(robots, {
  create: async ({ fleet, body: { id, ...given }, send }) => {
    const robot = (id ?? fleet.platform.rowId()) as RobotId
    return shown(fleet, await send({ type: 'robot.saved', robot, mode: 'create', ...given }))
  },
  update: async ({ fleet, id, body, send }) => {
    const { id: _, ...given } = body
    return shown(fleet, await send({ type: 'robot.saved', robot: id as RobotId, mode: 'update', ...given }))
  },
  list: async ({ fleet, page }) =>
    pageOfRows(await fleet.queries.robots(page), (robot) => robotView(robot, presence(fleet.state, robot.id))),
  get: async ({ fleet, id }) => {
    const robot = await fleet.queries.robot(id as RobotId)
    return robot === undefined ? notFound('Robot', id) : robotView(robot, presence(fleet.state, robot.id))
  },
  pause: async ({ fleet, id, send }) => {
    const robot = id as RobotId
    return shown(fleet, await send({ type: 'control.requested', robot, control: 'pause', graceful: true }))
  },
  resume: async ({ fleet, id, send }) => {
    const robot = id as RobotId
    return shown(fleet, await send({ type: 'control.requested', robot, control: 'resume', graceful: true }))
  },
  shutdown: async ({ fleet, id, body: { graceful }, send }) => {
    const robot = id as RobotId
    return shown(fleet, await send({ type: 'control.requested', robot, control: 'shutdown', graceful }))
  },
  status: async ({ fleet, id, send }) => {
    const reply = await send({ type: 'status.requested', robot: id as RobotId })
    if (isRefusal(reply)) return reply
    const { robot, report } = reply
    return reportView(robot, report, presence(fleet.state, robot.id))
  },
})

function shown(fleet: Fleet, reply: ReplyTo<'robot.saved'> | Refusal): RobotView | Refusal {
  return isRefusal(reply) ? reply : robotView(reply.robot, presence(fleet.state, reply.robot.id))
}
