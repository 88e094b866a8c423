import { isObject, type JsonObject, parseJson } from '../core/base/json.ts'
import { isRefusal } from '../core/base/refusal.ts'
import { closingQuote } from '../core/base/quote.ts'
import { NODE_GRAPH } from '../core/protocol/repertoire.ts'

/**
 * Accepts JSON for a definition: a graph of nodes, or an object that names another format. Exports and answers of APIs
 * wrap it in a member, from which it is taken unchanged.
 */

/** The members in which wrappers hold a definition, as JSON or as its text. */
const WRAPPERS = ['workflow', 'workflow_definition', 'workflow_json', 'workflow_data', 'json_definition', 'definition']
const WRAPPERS_DEEP_MAX = 3
/** Members of a wrapper that change how the definition runs: without them it would run with other values. */
const VALUES = ['variable_values', 'credential_bindings', 'parameters']

const NEITHER =
  'has neither nodes nor a format: a workflow has its nodes in "nodes", and a definition for a handler of ' +
  'your own says "format": "custom", or any other name'
const NO_NODE_OBJECT =
  'nodes must be an object whose keys are the node ids, as in {"nodes": {"n1": {"node_type": "LogNode"}}}'

/** The text of the definition inside the JSON, or a message about what to change if there is none. */
export function definitionIn(
  json: string,
  given: JsonObject,
  depth = 0,
): { readonly json: string } | { readonly problem: string } {
  const { format, nodes } = given
  const own = typeof format === 'string' && format !== '' && format !== NODE_GRAPH
  if (own || isObject(nodes)) return { json }
  if (nodes !== undefined || format === NODE_GRAPH) return { problem: NO_NODE_OBJECT }
  if (format !== undefined) return { problem: 'format must be a text that is not empty' }
  const wrapper = depth >= WRAPPERS_DEEP_MAX ? undefined : WRAPPERS.find((name) => Object.hasOwn(given, name))
  if (wrapper === undefined) return { problem: NEITHER }
  const values = VALUES.filter((name) => !isEmpty(given[name]))
  if (values.length > 0) {
    return {
      problem:
        `is in "${wrapper}", and ${values.join(', ')} beside it would be lost: give what is in "${wrapper}" alone, ` +
        'and the values as parameters of the job or as variables of the workflow',
    }
  }
  const member = given[wrapper]
  const text = typeof member === 'string' ? member : memberText(json, wrapper)
  const parsed = parseJson(text)
  const inner = isRefusal(parsed) ? parsed.message : parsed.json
  if (!isObject(inner)) return { problem: `is not a JSON object in "${wrapper}"` }
  const found = definitionIn(text, inner, depth + 1)
  return 'problem' in found ? { problem: `in "${wrapper}" ${found.problem}` } : found
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || (typeof value === 'object' && Object.keys(value).length === 0)
}

const MARKS = /["{}[\],:]/g

/**
 * The text of an object's member as it is written, so that numbers keep their digits. Of duplicates the last counts.
 */
function memberText(json: string, name: string): string {
  const marks = new RegExp(MARKS)
  let depth = 0
  let key = ''
  let from: number | null = null
  let found = ''
  for (let match = marks.exec(json); match !== null; match = marks.exec(json)) {
    const { 0: mark, index } = match
    if (mark === '"') {
      marks.lastIndex = closingQuote(json, index) + 1
      if (depth === 1) key = json.slice(index, marks.lastIndex)
    }
    if (depth === 1 && mark === ':') from = JSON.parse(key) === name ? index + 1 : null
    if (depth === 1 && from !== null && (mark === ',' || mark === '}')) {
      found = json.slice(from, index).trim()
      from = null
    }
    if (mark === '{' || mark === '[') depth++
    if (mark === '}' || mark === ']') depth--
  }
  return found
}
