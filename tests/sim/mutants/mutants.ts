import { type KnownMutant, type Mutant, ORIGINAL } from './mutant.ts'
import { CHAIN_MUTANTS } from './chain-mutants.ts'
import { COMMIT_MUTANTS } from './mutations-of-commits.ts'
import { PARAMETER_MUTANTS } from './mutations-of-parameters.ts'
import * as core from './mutations.ts'
import * as clocks from './mutations-of-clock.ts'
import * as webhooks from './mutations-of-webhooks.ts'
import * as jobs from './mutations-of-jobs.ts'
import * as offers from './mutations-of-offers.ts'
import * as rates from './mutations-of-rates.ts'
import * as schedules from './mutations-of-schedules.ts'
import { type Outcome, simulate } from '../run.ts'
import { Violation } from '../violation.ts'

/** Not a bug but a rule that cannot hold: shows that the harness fails when it should. */
export const CANARY: Mutant = {
  ...ORIGINAL,
  rules: [({ change }) => {
    if (change.jobs.length > 0) throw new Violation('canary', 'no job is ever written')
  }],
}

/** All of them, in the order of the parts of a turn. One that is not found is a missing invariant. */
export const MUTANTS: readonly KnownMutant[] = [
  { bug: 'send before the commit', within: 5, mutant: core.sendBeforeCommit, certain: ['slowCommit'] },
  { bug: 'take a failed commit for done', within: 10, mutant: core.ignoreFailure, certain: ['failedCommit'] },
  { bug: 'a commit loses a row', within: 5, mutant: core.loseARow },
  { bug: 'no epoch in the store', within: 15, mutant: core.noEpoch, certain: ['failedCommit'] },
  { bug: 'never fetch cold rows', within: 25, mutant: core.neverFetch, certain: ['robotPause', 'halfOpen'] },
  { bug: 'alarm never set again', within: 5, mutant: core.oneAlarm },
  { bug: 'an offer is sent twice', within: 5, mutant: core.offerSentTwice },
  { bug: 'no session fence', within: 25, mutant: core.noSession, certain: ['overlap'] },
  { bug: 'sender taken from the message', within: 5, mutant: core.senderFromMessage, certain: ['hostile'] },
  { bug: 'a key for a new robot lets in as any', within: 5, mutant: core.anyNewKey, certain: ['hostile'] },
  { bug: 'no offer fence', within: 200, mutant: core.noOffer, certain: ['robotPause', 'resultTwice', 'clog'] },
  { bug: 'refuse what is written wrong', within: 25, mutant: core.strictDecoding },
  { bug: 'one slot too many', within: 5, mutant: core.oneSlotMore },
  { bug: 'tags ignored', within: 5, mutant: core.everyTag },
  { bug: 'offers to paused robots', within: 10, mutant: core.pausedIsOnline, certain: ['robotRests'] },
  { bug: 'lost jobs are run again', within: 10, mutant: core.blindRerun, certain: ['robotCrash'] },
  { bug: 'offers never lapse', within: 5, mutant: () => core.withoutTimers('job.offer') },
  {
    bug: 'lost robots never noticed',
    within: 100,
    mutant: () => core.withoutTimers('robot.lost'),
    certain: ['robotCrash'],
  },
  {
    bug: 'silent robots never noticed',
    within: 25,
    mutant: () => core.withoutTimers('robot.lease'),
    certain: ['halfOpen', 'robotCrash'],
  },
  { bug: 'back-off never ends', within: 5, mutant: () => core.withoutTimers('job.ready') },
  { bug: 'jobs never time out', within: 5, mutant: () => core.withoutTimers('job.timeout') },
  { bug: 'stopping never given up', within: 20, mutant: () => core.withoutTimers('job.stop'), certain: ['cancel'] },
  { bug: 'horizon never moved', within: 20, mutant: () => core.withoutTimers('store.horizon') },
  {
    bug: 'status requests never time out',
    within: 60,
    mutant: () => core.withoutTimers('robot.status'),
    certain: ['statusRequest', 'robotPause'],
  },
  { bug: 'no ageing', within: 20, mutant: () => core.withSettings({ agingMs: 1e9 }), certain: ['burst'] },
  { bug: 'no back-off', within: 20, mutant: () => core.withSettings({ backoffMs: 1 }), certain: ['refusal'] },
  { bug: 'no grace to stop in', within: 20, mutant: () => core.withSettings({ graceMs: 1 }), certain: ['cancel'] },
  { bug: 'lost jobs run for ever', within: 400, mutant: jobs.lostForEver, certain: ['robotCrash', 'stuckJob'] },
  { bug: 'slot of a cancelled job is free', within: 20, mutant: jobs.slotFreed, certain: ['cancel'] },
  { bug: 'cancels are not sent', within: 20, mutant: jobs.cancelNotSent, certain: ['cancel'] },
  {
    bug: 'cancels are not sent again on registration',
    within: 50,
    mutant: jobs.cancelNotResent,
    certain: ['cancel', 'cut'],
  },
  { bug: 'cancelling what has ended succeeds', within: 20, mutant: jobs.cancelLie, certain: ['cancel'] },
  { bug: 'deadlines judged before the sockets are read', within: 150, mutant: jobs.socketsNotRead, certain: ['stall'] },
  { bug: 'lease by the clock of the robot', within: 20, mutant: jobs.robotsClock, certain: ['robotClock'] },
  { bug: 'older connection stays open', within: 20, mutant: jobs.olderStays, certain: ['overlap', 'halfOpen'] },
  { bug: 'last come, first served', within: 20, mutant: jobs.lastFirst, certain: ['burst'] },
  { bug: 'priorities ignored', within: 20, mutant: () => core.withSettings({ agingMs: 1 }), certain: ['burst'] },
  { bug: 'the busiest robot first', within: 50, mutant: jobs.busiestFirst },
  { bug: 'idempotency keys ignored', within: 20, mutant: jobs.noIdempotency, certain: ['lostAnswer'] },
  { bug: 'duplicates not looked for', within: 20, mutant: jobs.noDuplicates },
  { bug: 'a batch forgets its own keys', within: 20, mutant: jobs.batchForgetsItself, certain: ['batches'] },
  { bug: 'a batch is answered out of order', within: 5, mutant: jobs.batchOutOfOrder, certain: ['batches'] },
  { bug: 'limits on concurrency ignored', within: 20, mutant: jobs.noLimits, certain: ['limitChange', 'burst'] },
  { bug: 'room under a limit is not given on', within: 20, mutant: jobs.noRoom, certain: ['limitChange'] },
  { bug: 'every error is transient', within: 20, mutant: jobs.allTransient },
  { bug: 'pause forgotten on registration', within: 50, mutant: jobs.pauseForgotten, certain: ['control', 'cut'] },
  { bug: 'log lines kept twice', within: 20, mutant: jobs.logsTwice },
  { bug: 'repeated messages taken for others', within: 20, mutant: jobs.repeatsTaken },
  { bug: 'definitions never evicted', within: 20, mutant: jobs.definitionsStay },
  { bug: 'concurrency groups never deleted', within: 20, mutant: jobs.groupsStay },
  { bug: 'cooldown forgotten', within: 20, mutant: jobs.noCooldown, certain: ['hookTwice'] },
  { bug: 'cancels are sent ten times', within: 20, mutant: jobs.cancelSentTenTimes, certain: ['cancel'] },
  { bug: 'waking begins the lease anew', within: 60, mutant: jobs.leaseAnew, certain: ['hibernate', 'halfOpen'] },
  {
    bug: 'waking forgets status requests',
    within: 60,
    mutant: jobs.requestsForgotten,
    certain: ['hibernate', 'stallAtOffer', 'inlineJobs', 'cancel', 'clog', 'cut'],
  },
  {
    bug: 'waking forgets which robots are excluded',
    within: 200,
    mutant: jobs.exclusionsForgotten,
    certain: ['hibernate', 'silence', 'refusal'],
  },
  {
    bug: 'a robot that stands still behind an offer loses it',
    within: 20,
    mutant: offers.lapsesUnproved,
    certain: ['stallAtOffer'],
  },
  {
    bug: 'an orchestrator that stands still takes back its offers',
    within: 60,
    mutant: offers.lapsesUnproved,
    certain: ['stall', 'clog'],
  },
  {
    bug: 'what a restart finds on offer lapses',
    within: 60,
    mutant: offers.lapsesOverRestarts,
    certain: ['crash', 'aimedCrash', 'cut'],
  },
  {
    bug: 'the list of a new connection is proof',
    within: 60,
    mutant: offers.anyConnectionProves,
    certain: ['crash', 'aimedCrash', 'cut'],
  },
  { bug: 'any list is proof', within: 100, mutant: offers.anyListProves, certain: ['inlineJobs', 'stallAtOffer'] },
  {
    bug: 'what a robot remembers is not looked at',
    within: 60,
    mutant: offers.memoryIsEmpty,
    certain: ['crash', 'cut', 'clog'],
  },
  {
    bug: 'a lost robot has not started its offers',
    within: 60,
    mutant: offers.lostMeansUnread,
    certain: ['cut', 'halfOpen'],
  },
  { bug: 'what a robot answers gives no offer back', within: 40, mutant: offers.answersIgnored, certain: ['silence'] },
  {
    bug: 'slots that a robot uses for other work are offered',
    within: 20,
    mutant: offers.countIgnored,
    certain: ['wrongCount', 'burst'],
  },
  {
    bug: 'jobs time out while their robot is away',
    within: 40,
    mutant: offers.absenceTimesOut,
    certain: ['cut', 'halfOpen'],
  },
  { bug: 'limits begin anew with each minute', within: 40, mutant: rates.fixedWindow, certain: ['burst', 'hookTwice'] },
  {
    bug: 'a restart forgets what was used up',
    within: 40,
    mutant: rates.windowsForgotten,
    certain: ['burst', 'crash'],
  },
  { bug: 'a delivery makes a job each time', within: 40, mutant: rates.deliveredTwice, certain: ['hookTwice'] },
  { bug: 'results are refused for their rate', within: 40, mutant: rates.controlRefused },
  { bug: 'a busy log closes the connection', within: 40, mutant: rates.busyLogCloses, certain: ['chatter'] },
  {
    bug: 'waking forgets what a robot has said',
    within: 100,
    mutant: rates.messageRateForgotten,
    certain: ['hibernate'],
  },
  {
    bug: 'schedules are never due',
    within: 10,
    mutant: () => core.withoutTimers('schedule.due'),
    certain: ['scheduling'],
  },
  { bug: 'a schedule does not move on', within: 5, mutant: schedules.notMovedOn, certain: ['scheduling'] },
  {
    bug: 'a restart begins schedules anew',
    within: 20,
    mutant: schedules.beginsAnew,
    certain: ['scheduling', 'crash'],
  },
  { bug: 'misfire policy ignored', within: 50, mutant: schedules.misfireIgnored, certain: ['scheduling', 'clockJump'] },
  { bug: 'overlap policy ignored', within: 10, mutant: schedules.overlapIgnored, certain: ['scheduling'] },
  {
    bug: 'an edit forgets what was due',
    within: 60,
    mutant: schedules.dueForgotten,
    certain: ['scheduling', 'clockJump'],
  },
  { bug: 'jitter moves the due instant', within: 10, mutant: schedules.jitterMoves, certain: ['scheduling'] },
  { bug: 'skipped runs are not recorded', within: 10, mutant: schedules.skippedNotRecorded, certain: ['scheduling'] },
  { bug: 'runs counted twice', within: 5, mutant: schedules.countedTwice, certain: ['scheduling'] },
  { bug: 'completed runs not counted', within: 10, mutant: schedules.completionsUncounted, certain: ['scheduling'] },
  { bug: 'a clock that is set back stands still', within: 10, mutant: clocks.clamped, certain: ['clockJump'] },
  {
    bug: 'a process waits until the clock has caught up with its rows',
    within: 40,
    mutant: clocks.waitsForRows,
    certain: ['clockJump', 'crash'],
  },
  {
    bug: 'a process begins with what is near by a clock that is behind its rows',
    within: 150,
    mutant: clocks.loadsByTheClock,
    certain: ['clockJump', 'crash', 'refusal'],
  },
  {
    bug: 'a set clock leaves jobs behind that are far off',
    within: 20,
    mutant: clocks.farJobsStay,
    certain: ['clockJump'],
  },
  { bug: 'a set clock ends jobs', within: 40, mutant: clocks.timeoutsStay, certain: ['clockJump', 'stuckJob'] },
  { bug: 'a set clock ends leases', within: 10, mutant: clocks.leasesStay, certain: ['clockJump'] },
  {
    bug: 'schedules wait for a clock that was put right',
    within: 20,
    mutant: clocks.schedulesWait,
    certain: ['scheduling', 'clockJump'],
  },
  {
    bug: 'what is due runs again once the clock is put right',
    within: 60,
    mutant: clocks.runsAgain,
    certain: ['scheduling', 'clockJump'],
  },
  { bug: 'a retry forgets the priority', within: 20, mutant: jobs.retryForgets, certain: ['retry'] },
  { bug: 'pending deliveries are forgotten', within: 50, mutant: webhooks.deliveriesForgotten, certain: ['crash'] },
  { bug: 'delivered before the commit', within: 20, mutant: webhooks.calledFirst, certain: ['slowCommit'] },
  { bug: '410 is an error like any other', within: 200, mutant: webhooks.goneIgnored },
  { bug: 'any answer is a success', within: 20, mutant: webhooks.anyAnswer },
  { bug: 'deliveries never given up', within: 100, mutant: webhooks.neverGivenUp },
  { bug: 'deliveries tried again at once', within: 20, mutant: webhooks.atOnce },
  { bug: 'timeouts are not delivered', within: 50, mutant: webhooks.timeoutsNotEmitted, certain: ['stuckJob'] },
  {
    bug: 'deliveries on the disk are not fetched',
    within: 100,
    mutant: webhooks.pagesNeverFetched,
    certain: ['burst'],
  },
  { bug: 'deliveries wait for a report that was lost', within: 20, mutant: webhooks.neverReported },
  ...CHAIN_MUTANTS,
  ...COMMIT_MUTANTS,
  ...PARAMETER_MUTANTS,
]

/** The first seed that finds the bug, with the failure; null if none does in time. */
export async function findMutant({ mutant, certain = [], within }: KnownMutant): Promise<Outcome | null> {
  for (let seed = 1; seed <= within; seed++) {
    const outcome = await simulate(seed, { ...mutant(), certain })
    if (outcome.failure !== null) return outcome
  }
  return null
}
