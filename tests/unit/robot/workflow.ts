import { stringifyExact } from '../../../core/base/exact.ts'
import type { JobContext } from '../../../robot/job.ts'
import { createRunner, type RunnerOptions } from '../../../robot/runner.ts'

type NodeSpec = readonly [type: string, config?: Readonly<Record<string, unknown>>]

export interface Ran {
  readonly result: unknown
  readonly error:
    | { readonly type?: string; readonly name: string; readonly message: string; readonly node?: string }
    | null
  readonly logs: readonly string[]
  readonly progress: readonly number[]
  readonly nodes: readonly string[]
}

export interface Spec {
  readonly nodes: Readonly<Record<string, NodeSpec>>
  /** Arrows as `a -> b`, `a.true -> b`, or for data `a.data -> b.items`. */
  readonly arrows?: readonly string[]
  readonly variables?: Readonly<Record<string, unknown>>
  readonly settings?: Readonly<Record<string, unknown>>
  readonly parameters?: Readonly<Record<string, unknown>>
  readonly signal?: AbortSignal
  readonly options?: Partial<RunnerOptions>
}

/** The text of a workflow. Without arrows, the nodes follow one another. */
function workflow({ nodes, arrows, variables = {}, settings }: Spec): string {
  const ids = Object.keys(nodes)
  const drawn = arrows ?? ids.slice(1).map((id, i) => `${ids[i]} -> ${id}`)
  return JSON.stringify({
    metadata: { name: 'test' },
    nodes: Object.fromEntries(
      Object.entries(nodes).map(([id, [node_type, config = {}]]) => [id, { node_id: id, node_type, config }]),
    ),
    connections: drawn.map((arrow) => {
      const [source = '', target = ''] = arrow.split(' -> ')
      const [source_node, source_port = 'exec_out'] = source.split('.')
      const [target_node, target_port = 'exec_in'] = target.split('.')
      return { source_node, source_port, target_node, target_port }
    }),
    variables,
    settings,
  })
}

/** A node that logs a message. */
export const say = (message: string): NodeSpec => ['LogNode', { message }]

/** Runs a workflow as the reference robot does, with no orchestrator around it. */
export async function ran(spec: Spec | string, parameters: Readonly<Record<string, unknown>> = {}): Promise<Ran> {
  const logs: string[] = []
  const progress: number[] = []
  const nodes: string[] = []
  const { options, signal }: Partial<Spec> = typeof spec === 'string' ? {} : spec
  const given = typeof spec === 'string' ? parameters : spec.parameters ?? parameters
  const job: JobContext = {
    id: 'j',
    workflowId: 'w',
    workflowName: 'W',
    workflowJson: typeof spec === 'string' ? spec : workflow(spec),
    parameters: given,
    parametersText: stringifyExact(given),
    attempt: 1,
    timeoutSeconds: 0,
    signal: signal ?? new AbortController().signal,
    call: (alias) => Promise.reject(new Error(`nothing is called ${alias} here`)),
    log: (level, message) => void logs.push(`${level} ${message}`),
    progress: (percent, node = '') => {
      progress.push(percent)
      nodes.push(node)
    },
  }
  try {
    const result = await createRunner({ root: '.', ...options })(job)
    return { result, error: null, logs, progress, nodes }
  } catch (error) {
    return { result: undefined, error: error as Ran['error'], logs, progress, nodes }
  }
}

/** Runs one node behind a StartNode and returns its outputs, through an EndNode that quotes the ports. */
export function one(
  type: string,
  config: Readonly<Record<string, unknown>>,
  ports: readonly string[],
  more: Partial<Spec> = {},
): Promise<Ran> {
  const result = ports.map((port) => `{{x.${port}}}`)
  return ran({ nodes: { s: ['Start'], x: [type, config], end: ['End', { result }] }, ...more })
}
