import * as v from 'valibot'
import { isObject, parseJson } from '../core/base/json.ts'
import { isRefusal } from '../core/base/refusal.ts'
import { checkValue, type Problem as WrongValue } from '../core/protocol/problems.ts'
import { nodeKind } from '../core/protocol/repertoire.ts'

/**
 * The workflow language: the canonical JSON that CasareRPA writes, with the limits of its loader. Fields that robots
 * ignore (positions, ports, frames, categories) are not checked, so a workflow from the editor is as good as one
 * written by hand.
 */

export { nodeKind as kindOf }

const NODES_MAX = 1_000
const CONNECTIONS_MAX = 5_000
const NODE_ID_CHARS_MAX = 256
const CONFIG_DEPTH_MAX = 10
const CONFIG_CHARS_MAX = 10_000
/** The node that stands in for a missing StartNode, as in the original loader. */
export const AUTO_START_ID = '__auto_start__'

const nodeId = v.pipe(v.string(), v.nonEmpty('must not be empty'), v.maxLength(NODE_ID_CHARS_MAX))
const port = v.pipe(v.string(), v.nonEmpty('must not be empty'), v.maxLength(NODE_ID_CHARS_MAX))
const record = v.custom<Readonly<Record<string, unknown>>>(isObject, 'must be an object')

const node = v.object({
  node_type: v.pipe(v.string(), v.nonEmpty('must not be empty'), v.maxLength(NODE_ID_CHARS_MAX)),
  name: v.optional(v.string(), ''),
  config: v.nullish(record, {}),
})

const connection = v.object({ source_node: nodeId, source_port: port, target_node: nodeId, target_port: port })

/** A variable object, or just its initial value. */
const variable = v.pipe(
  v.unknown(),
  v.transform((given): Variable => {
    if (!isObject(given) || !('default_value' in given || 'type' in given)) return { type: null, default_value: given }
    const type = given['type']
    return { type: typeof type === 'string' ? type : null, default_value: given['default_value'] ?? null }
  }),
)

/** The schema of a definition. Rules that concern several parts together are checked afterwards. */
export const WorkflowDefinition = v.object({
  metadata: v.optional(
    v.object({ name: v.optional(v.string(), ''), description: v.optional(v.string(), '') }),
    { name: '', description: '' },
  ),
  nodes: v.pipe(
    v.custom<Readonly<Record<string, unknown>>>(isObject, 'must be an object whose keys are the node ids'),
    v.check((nodes) => Object.keys(nodes).length <= NODES_MAX, `must not have more than ${NODES_MAX} nodes`),
    v.record(nodeId, node),
  ),
  connections: v.optional(
    v.pipe(v.array(connection), v.maxLength(CONNECTIONS_MAX, `must not be more than ${CONNECTIONS_MAX}`)),
    [],
  ),
  variables: v.optional(v.record(v.string(), variable), {}),
  settings: v.optional(v.object({ stop_on_error: v.optional(v.boolean(), true) }), { stop_on_error: true }),
})

interface Variable {
  /** `String`, `Integer`, `Float`, `Boolean`, `List`, `Dict` or `DataTable`; null if not declared. */
  readonly type: string | null
  readonly default_value: unknown
}
export type WorkflowNode = v.InferOutput<typeof node>
export type Connection = v.InferOutput<typeof connection>
export type Definition = v.InferOutput<typeof WorkflowDefinition>

/** A problem with a definition, and its path: for instance `nodes.read.config`; the path is empty for the whole text. */
export type Problem = Pick<WrongValue, 'path' | 'message'>

/** The number of problems reported at a time. One is usually the cause of the others. */
const PROBLEMS_MAX = 20

/** True if a connection is control flow. The others carry data. */
export function isControl(edge: Connection): boolean {
  return edge.target_port.startsWith('exec')
}

/**
 * Parses a workflow definition, or reports at most `PROBLEMS_MAX` problems. Never throws. If there is no StartNode, one
 * is added that leads to every node without a predecessor.
 */
export function parseDefinition(
  text: string,
): { readonly definition: Definition } | { readonly problems: readonly Problem[] } {
  const parsed = parseJson(text)
  if (isRefusal(parsed)) return { problems: [{ path: '', message: parsed.message }] }
  if (!isObject(parsed.json)) return { problems: [{ path: '', message: 'A workflow must be a JSON object' }] }
  const checked = checkValue(WorkflowDefinition, parsed.json)
  if ('problems' in checked) {
    return { problems: checked.problems.slice(0, PROBLEMS_MAX).map(({ path, message }) => ({ path, message })) }
  }
  const { output } = checked
  const problems = [...danglingConnections(output), ...duplicateConnections(output), ...oversized(output)]
  return problems.length > 0 ? { problems: problems.slice(0, PROBLEMS_MAX) } : { definition: withStart(output) }
}

/** Joins problems into one sentence, for logs and refusals. */
export function problemText(problems: readonly Problem[]): string {
  return problems.map(({ path, message }) => path === '' ? message : `${path}: ${message}`).join('; ')
}

function danglingConnections({ nodes, connections }: Definition): Problem[] {
  return connections.flatMap((edge, index) =>
    (['source_node', 'target_node'] as const)
      .filter((end) => !Object.hasOwn(nodes, edge[end]))
      .map((end) => ({ path: `connections.${index}.${end}`, message: `there is no node ${edge[end]}` }))
  )
}

/** Finds duplicate connections. A duplicate would run its target twice, and the editor draws both as one line. */
function duplicateConnections({ connections }: Definition): Problem[] {
  const first = new Map<string, number>()
  return connections.flatMap(({ source_node, source_port, target_node, target_port }, index) => {
    const key = JSON.stringify([source_node, source_port, target_node, target_port])
    const earlier = first.get(key)
    if (earlier === undefined) first.set(key, index)
    return earlier === undefined
      ? []
      : [{ path: `connections.${index}`, message: `the same as connections.${earlier}` }]
  })
}

function oversized({ nodes }: Definition): Problem[] {
  return Object.entries(nodes).flatMap(([id, { config }]) => inspect(config, `nodes.${id}.config`, 0))
}

function inspect(value: unknown, path: string, depth: number): Problem[] {
  if (typeof value === 'string' && value.length > CONFIG_CHARS_MAX) {
    return [{ path, message: `must not have more than ${CONFIG_CHARS_MAX} characters` }]
  }
  if (typeof value !== 'object' || value === null) return []
  if (depth >= CONFIG_DEPTH_MAX) return [{ path, message: `must not be nested deeper than ${CONFIG_DEPTH_MAX} levels` }]
  return Object.entries(value).flatMap(([key, inner]) => inspect(inner, `${path}.${key}`, depth + 1))
}

function withStart(given: Definition): Definition {
  const { nodes, connections } = given
  if (Object.values(nodes).some(({ node_type }) => nodeKind(node_type) === 'start')) return given
  const led = new Set(connections.filter(isControl).map((edge) => edge.target_node))
  const free = Object.keys(nodes).filter((id) => !led.has(id))
  return {
    ...given,
    nodes: { ...nodes, [AUTO_START_ID]: { node_type: 'StartNode', name: 'Start', config: {} } },
    connections: [
      ...free.map((id) => ({
        source_node: AUTO_START_ID,
        source_port: 'exec_out',
        target_node: id,
        target_port: 'exec_in',
      })),
      ...connections,
    ],
  }
}
