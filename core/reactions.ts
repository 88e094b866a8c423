import { emitJob, emitRobot, emitScheduleRun, emitTriggerEvent } from './webhooks/emit.ts'
import { disconnectKey } from './robots/connection.ts'
import type { Turn } from './turn.ts'
import type { Fact, FactOf } from './fact.ts'
import { leaveFamily } from './jobs/family.ts'
import { countTriggerRun } from './triggers/fire.ts'
import { closeLog } from './robots/logs.ts'
import { countScheduleRun } from './scheduler/runs.ts'
import type { State } from './state.ts'
import { countWorkflowRun } from './workflows/commands.ts'
import { startBoundTriggers, startFollowers } from './triggers/follow.ts'

type Reaction<T extends Fact['type']> = (state: State, fact: FactOf<T>, turn: Turn) => void

/** The consequences of each fact, in order. Read it beside `step.ts`: that lists the events, this what they set off. */
const REACTIONS: { readonly [T in Fact['type']]: readonly Reaction<T>[] } = {
  'job.changed': [emitJob],
  // A family counts the jobs that follow from an end before it counts the end.
  'job.ended': [closeLog, countScheduleRun, countTriggerRun, countWorkflowRun, startFollowers, leaveFamily],
  'schedule.ran': [emitScheduleRun, startBoundTriggers],
  'trigger.fired': [emitTriggerEvent],
  'robot.online': [emitRobot],
  'robot.offline': [emitRobot],
  'key.revoked': [disconnectKey],
}

/**
 * Runs the reactions to the turn's facts, in order. A reaction may append facts, for instance when a job follows from
 * the end of another. This ends because the depth of such chains is limited.
 */
export function react(state: State, turn: Turn): void {
  const { facts } = turn
  for (let at = 0; at < facts.length; at++) {
    const fact = facts[at] as Fact
    for (const reaction of REACTIONS[fact.type] as readonly Reaction<Fact['type']>[]) reaction(state, fact, turn)
  }
  facts.length = 0
}
