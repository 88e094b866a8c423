import * as core from './mutations.ts'
import type { KnownMutant } from './mutant.ts'
import * as chains from './mutations-of-chains.ts'

/** Bugs of what jobs lead to, and of triggers that fire with the runs of schedules. */
export const CHAIN_MUTANTS: readonly KnownMutant[] = [
  {
    bug: 'a restart forgets what follows from ends',
    within: 20,
    mutant: () => chains.waitersForgotten('end'),
    certain: ['chaining', 'crash'],
  },
  {
    bug: 'a restart forgets which triggers a schedule fires',
    within: 20,
    mutant: () => chains.waitersForgotten('schedule'),
    certain: ['chaining', 'scheduling', 'crash'],
  },
  {
    bug: 'a restart forgets by which names workflows are called',
    within: 20,
    mutant: () => chains.waitersForgotten('call'),
    certain: ['chaining', 'crash'],
  },
  { bug: 'an end is followed twice', within: 20, mutant: () => chains.waitsTwice('end'), certain: ['chaining'] },
  {
    bug: 'a run of a schedule fires its triggers twice',
    within: 20,
    mutant: () => chains.waitsTwice('schedule'),
    certain: ['chaining', 'scheduling'],
  },
  {
    bug: 'a result that comes again is followed again',
    within: 20,
    mutant: chains.endsAgain,
    certain: ['chaining', 'resultTwice', 'crash', 'aimedCrash'],
  },
  { bug: 'what follows does not know from what', within: 20, mutant: chains.childrenAlone, certain: ['chaining'] },
  { bug: 'what follows begins a family', within: 20, mutant: chains.childrenAreRoots, certain: ['chaining'] },
  { bug: 'depth is not counted', within: 20, mutant: chains.depthForgotten, certain: ['chaining'] },
  {
    bug: 'families may be of any size',
    within: 20,
    mutant: () => core.withSettings({ descendantsMax: 1e9 }),
    certain: ['chaining'],
  },
  {
    bug: 'a restart forgets how large families are',
    within: 40,
    mutant: chains.familiesForgotten,
    certain: ['chaining', 'crash'],
  },
  { bug: 'every end is followed', within: 40, mutant: chains.everyEndCounts, certain: ['chaining', 'cancel'] },
  { bug: 'filters of what follows are ignored', within: 40, mutant: chains.filterIgnored, certain: ['chaining'] },
  { bug: 'disabled triggers fire', within: 20, mutant: chains.disabledFires, certain: ['chaining'] },
  { bug: 'any job may call', within: 40, mutant: chains.anyJobCalls, certain: ['chaining'] },
  {
    bug: 'a call that comes again makes another job',
    within: 20,
    mutant: chains.callsMakeMore,
    certain: ['chaining', 'lostAnswer'],
  },
  { bug: 'a robot calls for jobs of others', within: 100, mutant: chains.anyRobotCalls, certain: ['chaining'] },
  {
    bug: 'jobs that have ended call',
    within: 100,
    mutant: chains.endedJobsCall,
    certain: ['chaining', 'lostAnswer', 'cancel'],
  },
  {
    bug: 'calling off a job calls off what it has called',
    within: 40,
    mutant: chains.childCancelled,
    certain: ['chaining', 'cancel'],
  },
  { bug: 'callers are not answered', within: 20, mutant: chains.callersUnanswered, certain: ['chaining'] },
  { bug: 'callers are answered twice', within: 20, mutant: chains.answeredTwice, certain: ['chaining'] },
]
