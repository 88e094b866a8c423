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

/** What follows from each fact, in this order. Read it beside `step.ts`: that says what can happen, this what it sets off. */
const REACTIONS: { readonly [T in Fact['type']]: readonly Reaction<T>[] } = {
  'job.changed': [emitJob],
  // A family counts what follows from an end before it counts the end.
  'job.ended': [closeLog, countScheduleRun, countTriggerRun, countWorkflowRun, startFollowers, leaveFamily],
  'schedule.ran': [emitScheduleRun, startBoundTriggers],
  'trigger.fired': [emitTriggerEvent],
  'robot.online': [emitRobot],
  'robot.offline': [emitRobot],
  'key.revoked': [disconnectKey],
}

/**
 * Runs the reactions to everything that has happened in the turn so far, in the order in which it happened. A reaction may
 * make new facts, as a job that follows from the end of another: they come last. How deep jobs may follow from each other
 * is bounded, and so this ends.
 */
export function react(state: State, turn: Turn): void {
  const { facts } = turn
  for (let at = 0; at < facts.length; at++) {
    const fact = facts[at] as Fact
    for (const reaction of REACTIONS[fact.type] as readonly Reaction<Fact['type']>[]) reaction(state, fact, turn)
  }
  facts.length = 0
}
