import { announceFiring, announceJob, announceOccurrence, announceRobot } from './announce.ts'
import { jobEnded } from './chain.ts'
import { expelKey } from './connection.ts'
import type { Turn } from './effects.ts'
import type { Fact, FactOf } from './fact.ts'
import { leaveFamily } from './family.ts'
import { countTriggerEnd, scheduleRan } from './firing.ts'
import { closeLog } from './log.ts'
import { countScheduleEnd } from './occurrence.ts'
import type { State } from './state.ts'
import { countWorkflowEnd } from './workflow.ts'

type Reaction<T extends Fact['type']> = (state: State, fact: FactOf<T>, turn: Turn) => void

/** What follows from each fact, in this order. Read it beside `step.ts`: that says what can happen, this what it sets off. */
const REACTIONS: { readonly [T in Fact['type']]: readonly Reaction<T>[] } = {
  'job.changed': [announceJob],
  // A family counts what follows from an end before it counts the end.
  'job.ended': [closeLog, countScheduleEnd, countTriggerEnd, countWorkflowEnd, jobEnded, leaveFamily],
  'schedule.ran': [announceOccurrence, scheduleRan],
  'trigger.fired': [announceFiring],
  'robot.online': [announceRobot],
  'robot.offline': [announceRobot],
  'key.revoked': [expelKey],
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
