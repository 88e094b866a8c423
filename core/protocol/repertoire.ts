import { isObject, type Json, parseJson, tokenOf } from '../base/json.ts'

/**
 * Decides which robots can run a workflow by its content: the requirements of its definition against the declaration of
 * a robot. A robot without a declaration is offered everything.
 */

/** The format of a node graph: a definition with `nodes`. Every other definition names its format itself. */
export const NODE_GRAPH = 'workflow'

/** The requirements of a definition on robots. Computed once for each definition. */
export interface DefinitionNeeds {
  /** Equal for definitions that exactly the same robots can run. */
  readonly key: string
  /** Null for a definition with neither nodes nor a format, stored by an earlier version. */
  readonly format: string | null
  /** The types of the enabled nodes of a node graph, in the spelling of their first occurrence. */
  readonly nodeTypes: readonly string[]
  /** The same in the form in which they are compared. */
  readonly nodeKinds: readonly string[]
}

/**
 * The jobs that a robot declares to run: those of these workflows, and those in these formats that have only these
 * nodes.
 */
export interface Repertoire {
  readonly workflows: ReadonlySet<string>
  readonly formats: ReadonlySet<string>
  /** In the form in which they are compared. Null: every type. */
  readonly nodeKinds: ReadonlySet<string> | null
}

/** The capabilities that declare a repertoire. */
export const REPERTOIRE_NAMES = ['workflows', 'formats', 'node_types'] as const

/** The requirements of a workflow on a robot's repertoire. */
export interface Runnable {
  /** The workflow's id if a robot names it, else null, because it makes no difference then. */
  readonly workflow: string | null
  /** Null if the definition is not in memory: then nothing is required. */
  readonly definition: DefinitionNeeds | null
}

/** The missing part of a repertoire: a workflow, a format, or node types. */
export type Lack =
  | { readonly missing_node_types: readonly string[] }
  | { readonly missing_format: string | null }
  | { readonly missing_workflow: string }

/**
 * The form of a node type for comparison, without its `Node` suffix and its case: `HTTPRequest` and `HttpRequestNode`
 * are equal.
 */
export function nodeKind(nodeType: string): string {
  return nodeType.replace(/Node$/, '').toLowerCase()
}

/** The requirements of a definition on robots. */
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

/** The repertoire that a robot declares; null if it declares none. A value that is not a list of texts is ignored. */
export function repertoireOf(capabilities: Readonly<Record<string, unknown>>): Repertoire | null {
  const [workflows, formats, types] = REPERTOIRE_NAMES.map((name) => capabilities[name]).map((given) =>
    isTextList(given) ? given : null
  )
  if (!workflows && !formats && !types) return null
  return {
    workflows: new Set(workflows ?? []),
    // A robot that names node types runs node graphs.
    formats: new Set([...formats ?? [], ...(types ? [NODE_GRAPH] : [])]),
    nodeKinds: types ? new Set(types.map(nodeKind)) : null,
  }
}

/** The names of repertoire capabilities that are ignored because they are not lists of texts. */
export function unreadable(capabilities: Readonly<Record<string, unknown>>): readonly string[] {
  return REPERTOIRE_NAMES.filter((name) => Object.hasOwn(capabilities, name) && !isTextList(capabilities[name]))
}

/** A warning about ignored capabilities of a registration; empty if there is nothing to report. */
export function ignoredText(capabilities: Readonly<Record<string, unknown>>): string {
  const names = unreadable(capabilities).map((name) => `capabilities.${name}`)
  return names.length === 0 ? '' : `; ignored, since it must be an array of strings: ${names.join(', ')}`
}

function isTextList(given: unknown): given is readonly string[] {
  return Array.isArray(given) && given.every((item) => typeof item === 'string' && tokenOf(item) === null)
}

/** True if a robot with this repertoire can run the workflow. */
export function runsDefinition(repertoire: Repertoire | null, { workflow, definition }: Runnable): boolean {
  if (repertoire === null || definition === null) return true
  if (workflow !== null && repertoire.workflows.has(workflow)) return true
  if (definition.format === null || !repertoire.formats.has(definition.format)) return false
  const { nodeKinds } = repertoire
  return definition.format !== NODE_GRAPH || nodeKinds === null ||
    definition.nodeKinds.every((kind) => nodeKinds.has(kind))
}

/** The part of the repertoire that a robot lacks for a workflow of this id; null if it lacks nothing. */
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

/** The capabilities with which a robot could run the definition too; null if no robot can declare it. */
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

/** Describes a lack in words. */
export function lackText(lack: Lack): string {
  if ('missing_node_types' in lack) {
    const { length } = lack.missing_node_types
    return `the node type${length === 1 ? '' : 's'} ${lack.missing_node_types.join(', ')}`
  }
  return 'missing_workflow' in lack ? `the workflow ${lack.missing_workflow}` : formatText(lack.missing_format)
}

/** Describes a format in words. */
export function formatText(format: string | null): string {
  if (format === null) return 'definitions without nodes and format'
  return format === NODE_GRAPH ? 'workflows made of nodes' : `the format ${format}`
}
