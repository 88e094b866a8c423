import type { JobRow } from '../records/job.ts'
import { knownAbilities } from '../queue/known-robots.ts'
import {
  type Lack,
  lackOf,
  lackText,
  NODE_GRAPH,
  nodeKind,
  repertoireOf,
  runsDefinition,
} from '../protocol/repertoire.ts'
import { jobNeeds } from '../queue/queue.ts'
import { canRun } from '../queue/matching.ts'
import type { State } from '../state.ts'
import type { RobotRow } from '../records/robot.ts'
import type { WorkflowRow } from '../records/workflow.ts'
import type { SuitabilityWarning } from '../records/explanation.ts'
import type { Abilities, JobNeeds } from '../indexes.ts'

/** Requirements that no robot on record meets, connected or not, so that waiting does not help. */

/** One requirement of a job. */
interface Demand {
  readonly met: (by: Abilities) => boolean
  /** The predicate of a robot that meets it, after "No known robot". */
  readonly text: string
}

/** The reason why no robot on record can run a job, as a sentence without its full stop; null if one can. */
export function noSuitableRobot(state: State, job: JobRow): SuitabilityWarning | null {
  const needs = jobNeeds(state, job)
  if (needs.robot !== null) return pinnedTo(state, job, needs, needs.robot)
  // Runs for every submitted job; nearly always the first group can run it.
  for (const { abilities } of state.matching.abilityGroups.values()) if (canRun(abilities, needs)) return null
  const known = [...state.matching.abilityGroups.values()].map(({ abilities }) => abilities)
  if (known.length === 0) return { code: 'NO_ROBOTS', message: 'No robot has ever registered', details: {} }
  const demands = demandsOf(state, job, needs, known)
  const unmet = demands.filter(({ met }) => !known.some(met))
  const message = unmet.length > 0
    ? `No known robot ${unmet.map(({ text }) => text).join(', and none ')}`
    : `No known robot does all of it: ${demands.map(({ text }) => text).join(', ')}`
  return { code: 'NO_SUITABLE_ROBOT', message, details: {} }
}

function pinnedTo(
  state: State,
  job: JobRow,
  needs: JobNeeds,
  id: NonNullable<JobNeeds['robot']>,
): SuitabilityWarning | null {
  const [robot, abilities] = [state.robots.get(id), knownAbilities(state, id)]
  if (robot === undefined || abilities === undefined) {
    const message = `It is for the robot ${id}, which has never registered`
    return { code: 'NO_SUITABLE_ROBOT', message, details: { robot_id: id } }
  }
  const unmet = demandsOf(state, job, needs, [abilities]).filter(({ met }) => !met(abilities))
  if (unmet.length === 0) return null
  const asked = unmet.map(({ text }) => text).join(', and ')
  const message = `It is for the robot ${robot.name} alone, and needs one that ${asked}`
  return { code: 'NO_SUITABLE_ROBOT', message, details: { robot_id: id } }
}

function demandsOf(state: State, job: JobRow, needs: JobNeeds, known: readonly Abilities[]): readonly Demand[] {
  const pool = job.pool === null ? undefined : state.pools.get(job.pool)
  const only = (part: Partial<JobNeeds>) => (by: Abilities): boolean =>
    canRun(by, { ...needs, environment: '', tags: [], capabilities: [], definition: null, ...part })
  const demands: Demand[] = []
  if (needs.environment !== '') {
    demands.push({ met: only({ environment: needs.environment }), text: `serves the environment ${needs.environment}` })
  }
  if (pool !== undefined && pool.tags.length > 0) {
    const text = `is in the pool ${pool.name} (tag${pool.tags.length === 1 ? '' : 's'} ${pool.tags.join(', ')})`
    demands.push({ met: only({ tags: pool.tags }), text })
  }
  for (const tag of needs.tags) {
    if (pool?.tags.includes(tag) !== true) demands.push({ met: only({ tags: [tag] }), text: `has the tag ${tag}` })
  }
  for (const name of needs.capabilities) {
    demands.push({ met: only({ capabilities: [name] }), text: `has the capability ${name}` })
  }
  const lacks = known.flatMap(({ repertoire }) => lackOf(repertoire, needs, job.workflow_id) ?? [])
  const lack = lacks.toSorted((a, b) => weight(a) - weight(b))[0]
  if (lack !== undefined) demands.push({ met: only({ definition: needs.definition }), text: `runs ${lackText(lack)}` })
  return demands
}

/** A measure of how much is missing: a robot that lacks a node type is nearer than one that runs other formats. */
function weight(lack: Lack): number {
  if ('missing_node_types' in lack) return lack.missing_node_types.length
  return 'missing_format' in lack ? Infinity : Number.MAX_VALUE
}

/**
 * Warnings about a published workflow: no robot on record declares to run it. `reference` is the repertoire of the
 * reference robot, which may be started at any time.
 */
export function workflowWarnings(
  state: State,
  workflow: WorkflowRow,
  reference: readonly string[],
): readonly SuitabilityWarning[] {
  const needs = workflow.published_definition === null
    ? undefined
    : state.definitions.get(workflow.published_definition)?.needs
  if (needs === undefined) return []
  const robots = [...state.robots.values()].map((robot) => ({ robot, repertoire: repertoireOf(robot.capabilities) }))
  const saying = robots.flatMap(({ robot, repertoire }) => repertoire === null ? [] : [{ robot, repertoire }])
  if (saying.some(({ repertoire }) => runsDefinition(repertoire, { workflow: workflow.id, definition: needs }))) {
    return []
  }
  const silent = robots.length - saying.length
  const may = silent === 0
    ? ''
    : silent === 1
    ? '. One robot does not say what it runs, and is offered it'
    : `. ${silent} robots do not say what they run, and are offered it`
  if (needs.format !== NODE_GRAPH) {
    const message = `No known robot says that it runs ${
      lackText({ missing_format: needs.format })
    } or the workflow ${workflow.id}${may}`
    return [{ code: 'ROBOT_CANNOT_RUN', message, details: { format: needs.format } }]
  }
  const own = new Set(reference.map(nodeKind))
  const knowing = needs.nodeKinds.flatMap((kind, at) =>
    own.has(kind) ? [] : [
      [
        needs.nodeTypes[at] ?? kind,
        saying.filter(({ repertoire }) => repertoire.nodeKinds?.has(kind) === true).map(({ robot }) => robot.id),
      ] as const,
    ]
  )
  if (knowing.length === 0) return []
  return [{
    code: 'ROBOT_CANNOT_RUN',
    message: `${typesMessage(knowing)}${may}`,
    details: { node_types: Object.fromEntries(knowing) },
  }]
}

/** Lists the node types that the reference robot does not run, with the robots that do. */
function typesMessage(knowing: readonly (readonly [string, readonly RobotRow['id'][]])[]): string {
  const unknown = knowing.filter(([, robots]) => robots.length === 0).map(([type]) => type)
  const some = knowing.filter(([, robots]) => robots.length > 0)
    .map(([type, robots]) => `${type} is known to ${robots.join(', ')} only`).join(', ')
  const none = unknown.length === 0
    ? 'No known robot runs all the node types'
    : `No known robot runs ${lackText({ missing_node_types: unknown })}`
  return some === '' ? none : `${none}; ${some}`
}
