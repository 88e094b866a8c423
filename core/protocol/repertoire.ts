import { isObject, type Json, parseJson, tokenOf } from './json.ts'

/**
 * Which robots can run a workflow by what it is made of: what its definition asks for, and what a robot says that it
 * runs. A robot that says nothing is asked for everything.
 */

/** The format of a node graph: a definition with `nodes`. Every other definition names its format itself. */
export const NODE_GRAPH = 'workflow'

/** What a definition asks of the robot that is to run it. Worked out once for each definition. */
export interface Asks {
  /** Equal for definitions that exactly the same robots can run. */
  readonly key: string
  /** Null for a definition that has neither nodes nor a format: kept by an earlier version. */
  readonly format: string | null
  /** Of a node graph, the types of the nodes that are not disabled, as they are first written there. */
  readonly nodeTypes: readonly string[]
  /** The same as they are compared. */
  readonly kinds: readonly string[]
}

/** What a robot says that it runs: jobs of these workflows, and whatever is of these formats and has these nodes only. */
export interface Repertoire {
  readonly workflows: ReadonlySet<string>
  readonly formats: ReadonlySet<string>
  /** As they are compared. Null: every type. */
  readonly kinds: ReadonlySet<string> | null
}

/** The capabilities by which a robot says what it runs. */
export const REPERTOIRE_NAMES = ['workflows', 'formats', 'node_types'] as const

/** What a workflow asks of a robot's repertoire. */
export interface Runnable {
  /** The workflow's id where some robot names it, else null: it then makes no difference. */
  readonly workflow: string | null
  /** Null where the definition is not in memory: then nothing is asked. */
  readonly asks: Asks | null
}

/** What is missing in a repertoire: a workflow, a format, or node types. */
export type Lack =
  | { readonly missing_node_types: readonly string[] }
  | { readonly missing_format: string | null }
  | { readonly missing_workflow: string }

/** A node type as it is compared, without its `Node` suffix and its case: `HTTPRequest` and `HttpRequestNode` are the same. */
export function kindOf(nodeType: string): string {
  return nodeType.replace(/Node$/, '').toLowerCase()
}

/** What a definition asks of a robot. */
export function asksOf(json: string): Asks {
  const parsed = parseJson(json)
  const definition = 'json' in parsed && isObject(parsed.json) ? parsed.json : {}
  const { format, nodes } = definition
  if (typeof format === 'string' && format !== '' && format !== NODE_GRAPH) return asking(format, [])
  return isObject(nodes) ? asking(NODE_GRAPH, Object.values(nodes).flatMap(enabledType)) : asking(null, [])
}

function enabledType(node: Json): readonly string[] {
  if (!isObject(node)) return []
  const { node_type, config } = node
  return typeof node_type !== 'string' || (isObject(config) && config['_disabled'] === true) ? [] : [node_type]
}

function asking(format: string | null, types: readonly string[]): Asks {
  const byKind = new Map<string, string>()
  for (const type of types) if (!byKind.has(kindOf(type))) byKind.set(kindOf(type), type)
  const kinds = [...byKind.keys()].toSorted()
  return {
    key: JSON.stringify([format, ...kinds]),
    format,
    kinds,
    nodeTypes: kinds.map((kind) => byKind.get(kind) ?? kind),
  }
}

/** What a robot says that it runs; null when it says nothing. What is no list of texts says nothing. */
export function repertoireOf(capabilities: Readonly<Record<string, unknown>>): Repertoire | null {
  const [workflows, formats, types] = REPERTOIRE_NAMES.map((name) => capabilities[name]).map((given) =>
    isTextList(given) ? given : null
  )
  if (!workflows && !formats && !types) return null
  return {
    workflows: new Set(workflows ?? []),
    // Whoever names node types runs node graphs.
    formats: new Set([...formats ?? [], ...(types ? [NODE_GRAPH] : [])]),
    kinds: types ? new Set(types.map(kindOf)) : null,
  }
}

/** The capabilities that should say what a robot runs, and do not: they are no lists of texts. */
export function unreadable(capabilities: Readonly<Record<string, unknown>>): readonly string[] {
  return REPERTOIRE_NAMES.filter((name) => Object.hasOwn(capabilities, name) && !isTextList(capabilities[name]))
}

/** Says so of what a robot registers with; empty where there is nothing to say. */
export function ignoredText(capabilities: Readonly<Record<string, unknown>>): string {
  const names = unreadable(capabilities).map((name) => `capabilities.${name}`)
  return names.length === 0 ? '' : `; ignored, since it must be an array of strings: ${names.join(', ')}`
}

function isTextList(given: unknown): given is readonly string[] {
  return Array.isArray(given) && given.every((item) => typeof item === 'string' && tokenOf(item) === null)
}

/** Whether a robot with this repertoire runs such a workflow. */
export function runs(repertoire: Repertoire | null, { workflow, asks }: Runnable): boolean {
  if (repertoire === null || asks === null) return true
  if (workflow !== null && repertoire.workflows.has(workflow)) return true
  if (asks.format === null || !repertoire.formats.has(asks.format)) return false
  const { kinds } = repertoire
  return asks.format !== NODE_GRAPH || kinds === null || asks.kinds.every((kind) => kinds.has(kind))
}

/** What a robot with this repertoire lacks for a workflow of this id; null when it runs it. */
export function lackOf(repertoire: Repertoire | null, runnable: Runnable, id: string): Lack | null {
  const { asks } = runnable
  if (repertoire === null || asks === null || runs(repertoire, runnable)) return null
  if (repertoire.formats.size === 0) return { missing_workflow: id }
  if (asks.format === null || !repertoire.formats.has(asks.format)) return { missing_format: asks.format }
  return { missing_node_types: asks.nodeTypes.filter((_, at) => repertoire.kinds?.has(asks.kinds[at] ?? '') !== true) }
}

/** The capabilities of a robot that runs such a definition too; null for a definition that nobody can name. */
export function broadened(
  capabilities: Readonly<Record<string, unknown>>,
  { format, kinds, nodeTypes }: Asks,
): Readonly<Record<string, unknown>> | null {
  const { formats, node_types: types } = capabilities
  const known = repertoireOf(capabilities)?.kinds ?? null
  if (format === null) return null
  if (format !== NODE_GRAPH || known === null || !isTextList(types)) {
    return { ...capabilities, formats: [...isTextList(formats) ? formats : [], format] }
  }
  return { ...capabilities, node_types: [...types, ...nodeTypes.filter((_, at) => !known.has(kinds[at] ?? ''))] }
}

/** What is missing, in words. */
export function lackText(lack: Lack): string {
  if ('missing_node_types' in lack) {
    const { length } = lack.missing_node_types
    return `the node type${length === 1 ? '' : 's'} ${lack.missing_node_types.join(', ')}`
  }
  return 'missing_workflow' in lack ? `the workflow ${lack.missing_workflow}` : formatText(lack.missing_format)
}

/** A format in words. */
export function formatText(format: string | null): string {
  if (format === null) return 'definitions without nodes and format'
  return format === NODE_GRAPH ? 'workflows made of nodes' : `the format ${format}`
}
