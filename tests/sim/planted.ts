import { type Plant, SOUND } from './plant.ts'
import * as bug from './mutations.ts'
import * as clocks from './mutations-of-clock.ts'
import * as hooks from './mutations-of-hooks.ts'
import * as later from './mutations-of-life.ts'
import * as offers from './mutations-of-offers.ts'
import * as rates from './mutations-of-rates.ts'
import * as time from './mutations-of-schedules.ts'
import { Violation } from './rule.ts'
import { type Outcome, simulate } from './run.ts'
import type { Fault } from './weather.ts'

/**
 * Bugs that people really write, put around the sound program one at a time. Each must be found within so many seeds:
 * one that is not is an invariant that nobody has written. Kept in the order of the parts of a turn.
 */
export interface Planted {
  readonly bug: string
  readonly plant: () => Plant
  /** The faults that it is about. */
  readonly certain?: readonly Fault[]
  /** Seeds after which it must have been found. */
  readonly within: number
}

/** Not a bug but a rule that cannot hold: shows that the harness fails when it should. */
export const CANARY: Plant = {
  ...SOUND,
  rules: [({ change }) => {
    if (change.jobs.length > 0) throw new Violation('canary', 'no job is ever written')
  }],
}

export const PLANTED: readonly Planted[] = [
  { bug: 'speak before the commit', within: 5, plant: bug.speakFirst, certain: ['slowCommit'] },
  { bug: 'take a failed commit for done', within: 10, plant: bug.ignoreFailure, certain: ['failedCommit'] },
  { bug: 'a commit loses a row', within: 5, plant: bug.loseARow },
  { bug: 'no epoch in the store', within: 15, plant: bug.noEpoch, certain: ['failedCommit'] },
  { bug: 'never fetch cold rows', within: 25, plant: bug.neverFetch, certain: ['robotPause', 'halfOpen'] },
  { bug: 'alarm never set again', within: 5, plant: bug.oneAlarm },
  { bug: 'an offer is sent twice', within: 5, plant: bug.sayTwice },
  { bug: 'no session fence', within: 25, plant: bug.noSession, certain: ['overlap'] },
  { bug: 'sender taken from the message', within: 5, plant: bug.anybody, certain: ['hostile'] },
  { bug: 'a key for a new robot lets in as any', within: 5, plant: bug.anyoneNew, certain: ['hostile'] },
  { bug: 'no attempt fence', within: 200, plant: bug.noAttempt, certain: ['robotPause', 'resultTwice', 'clog'] },
  { bug: 'refuse what is written wrong', within: 25, plant: bug.pedantic },
  { bug: 'one slot too many', within: 5, plant: bug.oneSlotMore },
  { bug: 'tags ignored', within: 5, plant: bug.everyTag },
  { bug: 'offers to paused robots', within: 10, plant: bug.pausedIsOnline, certain: ['robotRests'] },
  { bug: 'lost jobs are run again', within: 10, plant: bug.blindRerun, certain: ['robotCrash'] },
  { bug: 'offers never lapse', within: 5, plant: () => bug.forgetting('job.offer') },
  { bug: 'lost robots never noticed', within: 100, plant: () => bug.forgetting('robot.lost'), certain: ['robotCrash'] },
  {
    bug: 'silent robots never noticed',
    within: 25,
    plant: () => bug.forgetting('robot.silent'),
    certain: ['halfOpen', 'robotCrash'],
  },
  { bug: 'back-off never ends', within: 5, plant: () => bug.forgetting('job.ready') },
  { bug: 'jobs never time out', within: 5, plant: () => bug.forgetting('job.timeout') },
  { bug: 'stopping never given up', within: 20, plant: () => bug.forgetting('job.stop'), certain: ['cancel'] },
  { bug: 'horizon never moved', within: 20, plant: () => bug.forgetting('store.horizon') },
  {
    bug: 'status requests never time out',
    within: 60,
    plant: () => bug.forgetting('robot.status'),
    certain: ['statusRequest', 'robotPause'],
  },
  { bug: 'no ageing', within: 20, plant: () => bug.settingOtherwise({ agingMs: 1e9 }), certain: ['burst'] },
  { bug: 'no back-off', within: 20, plant: () => bug.settingOtherwise({ backoffMs: 1 }), certain: ['refusal'] },
  { bug: 'no grace to stop in', within: 20, plant: () => bug.settingOtherwise({ graceMs: 1 }), certain: ['cancel'] },
  { bug: 'lost jobs run for ever', within: 200, plant: later.lostForEver, certain: ['robotCrash', 'stuckJob'] },
  { bug: 'slot of a cancelled job is free', within: 20, plant: later.slotFreed, certain: ['cancel'] },
  { bug: 'cancelling is not told', within: 20, plant: later.cancelUntold, certain: ['cancel'] },
  { bug: 'cancelling is not told again', within: 50, plant: later.cancelNotRetold, certain: ['cancel', 'cut'] },
  { bug: 'cancelling what has ended succeeds', within: 20, plant: later.cancelLie, certain: ['cancel'] },
  { bug: 'deadlines judged before the sockets are read', within: 60, plant: later.unread, certain: ['stall'] },
  { bug: 'lease by the clock of the robot', within: 20, plant: later.robotsClock, certain: ['robotClock'] },
  { bug: 'older connection stays open', within: 20, plant: later.olderStays, certain: ['overlap', 'halfOpen'] },
  { bug: 'last come, first served', within: 20, plant: later.lastFirst, certain: ['burst'] },
  { bug: 'priorities ignored', within: 20, plant: () => bug.settingOtherwise({ agingMs: 1 }), certain: ['burst'] },
  { bug: 'the busiest robot first', within: 50, plant: later.busiestFirst },
  { bug: 'idempotency keys ignored', within: 20, plant: later.noIdempotency, certain: ['lostAnswer'] },
  { bug: 'duplicates not looked for', within: 20, plant: later.noDuplicates },
  { bug: 'limits on concurrency ignored', within: 20, plant: later.noLimits, certain: ['limitChange', 'burst'] },
  { bug: 'room under a limit is not given on', within: 20, plant: later.noRoom, certain: ['limitChange'] },
  { bug: 'every error is transient', within: 20, plant: later.allTransient },
  { bug: 'pause forgotten on registration', within: 50, plant: later.pauseForgotten, certain: ['control', 'cut'] },
  { bug: 'log lines kept twice', within: 20, plant: later.logsTwice },
  { bug: 'repeated messages taken for others', within: 20, plant: later.repeatsTaken },
  { bug: 'definitions never dropped', within: 20, plant: later.definitionsStay },
  { bug: 'gates never dropped', within: 20, plant: later.gatesStay },
  { bug: 'cooldown forgotten', within: 20, plant: later.noCooldown, certain: ['hookTwice'] },
  { bug: 'cancelling is told ten times', within: 20, plant: later.chatter, certain: ['cancel'] },
  { bug: 'waking begins the lease anew', within: 60, plant: later.leaseAnew, certain: ['hibernate', 'halfOpen'] },
  {
    bug: 'waking forgets what was asked',
    within: 60,
    plant: later.askedForgotten,
    certain: ['hibernate', 'stallAtOffer', 'inlineJobs', 'cancel', 'clog', 'cut'],
  },
  {
    bug: 'waking forgets who is barred',
    within: 200,
    plant: later.barsForgotten,
    certain: ['hibernate', 'silence', 'refusal'],
  },
  {
    bug: 'a robot that stands still behind an offer loses it',
    within: 20,
    plant: offers.lapsesUnproved,
    certain: ['stallAtOffer'],
  },
  {
    bug: 'an orchestrator that stands still takes back its offers',
    within: 60,
    plant: offers.lapsesUnproved,
    certain: ['stall', 'clog'],
  },
  {
    bug: 'what a restart finds on offer lapses',
    within: 60,
    plant: offers.lapsesOverRestarts,
    certain: ['crash', 'aimedCrash', 'cut'],
  },
  {
    bug: 'the list of a new connection is proof',
    within: 60,
    plant: offers.anyConnectionProves,
    certain: ['crash', 'aimedCrash', 'cut'],
  },
  { bug: 'any list is proof', within: 100, plant: offers.anyListProves, certain: ['inlineJobs', 'stallAtOffer'] },
  {
    bug: 'what a robot remembers is not looked at',
    within: 60,
    plant: offers.memoryIsEmpty,
    certain: ['crash', 'cut', 'clog'],
  },
  {
    bug: 'a lost robot has not started its offers',
    within: 60,
    plant: offers.lostMeansUnread,
    certain: ['cut', 'halfOpen'],
  },
  { bug: 'what a robot answers gives no offer back', within: 40, plant: offers.answersIgnored, certain: ['silence'] },
  {
    bug: 'slots that a robot uses for other work are offered',
    within: 20,
    plant: offers.countIgnored,
    certain: ['wrongCount', 'burst'],
  },
  {
    bug: 'jobs time out while their robot is away',
    within: 40,
    plant: offers.absenceTimesOut,
    certain: ['cut', 'halfOpen'],
  },
  { bug: 'limits begin anew with each minute', within: 40, plant: rates.fixedWindow, certain: ['burst', 'hookTwice'] },
  { bug: 'a restart forgets what was used up', within: 40, plant: rates.ringsForgotten, certain: ['burst', 'crash'] },
  { bug: 'a delivery makes a job each time', within: 40, plant: rates.deliveredTwice, certain: ['hookTwice'] },
  { bug: 'results are refused for their rate', within: 40, plant: rates.controlRefused },
  { bug: 'a busy log closes the connection', within: 40, plant: rates.chatterClosed, certain: ['chatter'] },
  {
    bug: 'waking forgets what a robot has said',
    within: 100,
    plant: rates.meterForgotten,
    certain: ['hibernate'],
  },
  {
    bug: 'schedules are never due',
    within: 10,
    plant: () => bug.forgetting('schedule.due'),
    certain: ['scheduling'],
  },
  { bug: 'a schedule does not move on', within: 5, plant: time.notMovedOn, certain: ['scheduling'] },
  { bug: 'a restart begins schedules anew', within: 20, plant: time.beginsAnew, certain: ['scheduling', 'crash'] },
  { bug: 'misfire policy ignored', within: 50, plant: time.misfireIgnored, certain: ['scheduling', 'clockJump'] },
  { bug: 'overlap policy ignored', within: 10, plant: time.overlapIgnored, certain: ['scheduling'] },
  { bug: 'an edit forgets what was due', within: 60, plant: time.dueForgotten, certain: ['scheduling', 'clockJump'] },
  { bug: 'jitter moves the due instant', within: 10, plant: time.jitterMoves, certain: ['scheduling'] },
  { bug: 'what is skipped is not told', within: 10, plant: time.skippedUntold, certain: ['scheduling'] },
  { bug: 'runs counted twice', within: 5, plant: time.countedTwice, certain: ['scheduling'] },
  { bug: 'completed runs not counted', within: 10, plant: time.completionsUncounted, certain: ['scheduling'] },
  { bug: 'a clock that is set back stands still', within: 10, plant: clocks.clamped, certain: ['clockJump'] },
  {
    bug: 'a process waits until the clock has caught up with its rows',
    within: 40,
    plant: clocks.waitsForRows,
    certain: ['clockJump', 'crash'],
  },
  {
    bug: 'a process begins with what is near by a clock that is behind its rows',
    within: 40,
    plant: clocks.loadsByTheClock,
    certain: ['clockJump', 'crash', 'refusal'],
  },
  {
    bug: 'a set clock leaves jobs behind that are far off',
    within: 20,
    plant: clocks.farJobsStay,
    certain: ['clockJump'],
  },
  { bug: 'a set clock ends jobs', within: 40, plant: clocks.timeoutsStay, certain: ['clockJump', 'stuckJob'] },
  { bug: 'a set clock ends leases', within: 10, plant: clocks.leasesStay, certain: ['clockJump'] },
  {
    bug: 'schedules wait for a clock that was put right',
    within: 20,
    plant: clocks.schedulesWait,
    certain: ['scheduling', 'clockJump'],
  },
  {
    bug: 'what is due runs again once the clock is put right',
    within: 60,
    plant: clocks.runsAgain,
    certain: ['scheduling', 'clockJump'],
  },
  { bug: 'a retry forgets the priority', within: 20, plant: later.retryForgets, certain: ['retry'] },
  { bug: 'what was to be told is forgotten', within: 50, plant: hooks.outboxForgotten, certain: ['crash'] },
  { bug: 'told before the commit', within: 20, plant: hooks.calledFirst, certain: ['slowCommit'] },
  { bug: '410 is an error like any other', within: 200, plant: hooks.goneIgnored },
  { bug: 'any answer is a success', within: 20, plant: hooks.anyAnswer },
  { bug: 'deliveries never given up', within: 100, plant: hooks.neverGivenUp },
  { bug: 'deliveries tried again at once', within: 20, plant: hooks.atOnce },
  { bug: 'timeouts are not told', within: 50, plant: hooks.timeoutsUntold, certain: ['stuckJob'] },
  { bug: 'deliveries on the disk are not fetched', within: 100, plant: hooks.pagesNeverFetched, certain: ['burst'] },
  { bug: 'deliveries wait for a word that was lost', within: 20, plant: hooks.neverReported },
]

/** The first seed that finds the bug, and what it says; null when none does in time. */
export async function find({ plant, certain = [], within }: Planted): Promise<Outcome | null> {
  for (let seed = 1; seed <= within; seed++) {
    const outcome = await simulate(seed, { ...plant(), certain })
    if (outcome.failure !== null) return outcome
  }
  return null
}
