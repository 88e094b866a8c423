import { isObject, type Json, parseJson, tokenOf } from '../base/json.ts'

/**
 * Which robots can run a workflow by what it is made of: what its definition asks for, and what a robot says that it
 * runs. A robot that says nothing is asked for everything.
 */

/** The format of a node graph: a definition with `nodes`. Every other definition names its format itself. */
export const NODE_GRAPH = 'workflow'

/** What a definition asks of the robot that is to run it. Worked out once for each definition. */
export interface DefinitionNeeds {
  /** Equal for definitions that exactly the same robots can run. */
  readonly key: string
  /** Null for a definition that has neither nodes nor a format: kept by an earlier version. */
  readonly format: string | null
  /** Of a node graph, the types of the nodes that are not disabled, as they are first written there. */
  readonly nodeTypes: readonly string[]
  /** The same as they are compared. */
  readonly nodeKinds: readonly string[]
}

/** What a robot says that it runs: jobs of these workflows, and whatever is of these formats and has these nodes only. */
export interface Repertoire {
  readonly workflows: ReadonlySet<string>
  readonly formats: ReadonlySet<string>
  /** As they are compared. Null: every type. */
  readonly nodeKinds: ReadonlySet<string> | null
}

/** The capabilities by which a robot says what it runs. */
export const REPERTOIRE_NAMES = ['workflows', 'formats', 'node_types'] as const

/** What a workflow asks of a robot's repertoire. */
export interface Runnable {
  /** The workflow's id where some robot names it, else null: it then makes no difference. */
  readonly workflow: string | null
  /** Null where the definition is not in memory: then nothing is asked. */
  readonly definition: DefinitionNeeds | null
}

/** What is missing in a repertoire: a workflow, a format, or node types. */
export type Lack =
  | { readonly missing_node_types: readonly string[] }
  | { readonly missing_format: string | null }
  | { readonly missing_workflow: string }

/** A node type as it is compared, without its `Node` suffix and its case: `HTTPRequest` and `HttpRequestNode` are the same. */
export function nodeKind(nodeType: string): string {
  return nodeType.replace(/Node$/, '').toLowerCase()
}

/** What a definition asks of a robot. */
export function definitionNeeds(json: string): DefinitionNeeds {
  const parsed = parseJson(json)
  const definition = 'json' in parsed && isObject(parsed.json) ? parsed.json : {}
  const { format, nodes } = definition
  if (typeof format === 'string' && format !== '' && format !== NODE_GRAPH) return needsOfFormat(format, [])
  return isObject(nodes)
    ? needsOfFormat(NODE_GRAPH, Object.values(nodes).flatMap(enabledType))
    : needsOfFormat(null, [])
}

function enabledType(node: Json): readonly string[] {
  if (!isObject(node)) return []
  const { node_type, config } = node
  return typeof node_type !== 'string' || (isObject(config) && config['_disabled'] === true) ? [] : [node_type]
}

function needsOfFormat(format: string | null, types: readonly string[]): DefinitionNeeds {
  const byKind = new Map<string, string>()
  for (const type of types) if (!byKind.has(nodeKind(type))) byKind.set(nodeKind(type), type)
  const nodeKinds = [...byKind.keys()].toSorted()
  return {
    key: JSON.stringify([format, ...nodeKinds]),
    format,
    nodeKinds,
    nodeTypes: nodeKinds.map((kind) => byKind.get(kind) ?? kind),
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
    nodeKinds: types ? new Set(types.map(nodeKind)) : null,
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
export function runsDefinition(repertoire: Repertoire | null, { workflow, definition }: Runnable): boolean {
  if (repertoire === null || definition === null) return true
  if (workflow !== null && repertoire.workflows.has(workflow)) return true
  if (definition.format === null || !repertoire.formats.has(definition.format)) return false
  const { nodeKinds } = repertoire
  return definition.format !== NODE_GRAPH || nodeKinds === null ||
    definition.nodeKinds.every((kind) => nodeKinds.has(kind))
}

/** What a robot with this repertoire lacks for a workflow of this id; null when it runs it. */
export function lackOf(repertoire: Repertoire | null, runnable: Runnable, id: string): Lack | null {
  const { definition } = runnable
  if (repertoire === null || definition === null || runsDefinition(repertoire, runnable)) return null
  if (repertoire.formats.size === 0) return { missing_workflow: id }
  if (definition.format === null || !repertoire.formats.has(definition.format)) {
    return { missing_format: definition.format }
  }
  return {
    missing_node_types: definition.nodeTypes.filter((_, at) =>
      repertoire.nodeKinds?.has(definition.nodeKinds[at] ?? '') !== true
    ),
  }
}

/** The capabilities of a robot that runs such a definition too; null for a definition that nobody can name. */
export function broadened(
  capabilities: Readonly<Record<string, unknown>>,
  { format, nodeKinds, nodeTypes }: DefinitionNeeds,
): Readonly<Record<string, unknown>> | null {
  const { formats, node_types: types } = capabilities
  const known = repertoireOf(capabilities)?.nodeKinds ?? null
  if (format === null) return null
  if (format !== NODE_GRAPH || known === null || !isTextList(types)) {
    return { ...capabilities, formats: [...isTextList(formats) ? formats : [], format] }
  }
  return { ...capabilities, node_types: [...types, ...nodeTypes.filter((_, at) => !known.has(nodeKinds[at] ?? ''))] }
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
