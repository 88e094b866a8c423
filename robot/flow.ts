import { type Definition, isControl, kindOf } from '../workflows/definition.ts'

/** The output port that feeds an input. */
interface Source {
  readonly node: string
  readonly port: string
}

/** The connections of a workflow, indexed for the runner. */
export interface Flow {
  /** The nodes at which the workflow starts. */
  readonly starts: readonly string[]
  /** The nodes that a control port leads to, in the order of the connections. */
  readonly after: (nodeId: string, port: string) => readonly string[]
  /** The output port that feeds a data port. */
  readonly source: (nodeId: string, port: string) => Source | undefined
  /** The data ports of a node that are connected. */
  readonly inputs: (nodeId: string) => readonly string[]
  /** The loop's end node, if it names the loop as its pair. */
  readonly endOf: (loopId: string) => string | undefined
}

/** Indexes the connections of a definition that `parseDefinition` has accepted. */
export function flowOf({ nodes, connections }: Definition): Flow {
  const control = new Map<string, string[]>()
  const data = new Map<string, Source>()
  const inputs = new Map<string, string[]>()
  for (const connection of connections) {
    const { source_node, source_port, target_node, target_port } = connection
    if (isControl(connection)) {
      const key = keyOf(source_node, source_port)
      control.set(key, [...control.get(key) ?? [], target_node])
    } else {
      data.set(keyOf(target_node, target_port), { node: source_node, port: source_port })
      inputs.set(target_node, [...inputs.get(target_node) ?? [], target_port])
    }
  }
  const ends = new Map(
    Object.entries(nodes).filter(([, node]) => isLoopEnd(node.node_type))
      .map(([id, node]) => [String(node.config?.['paired_start_id'] ?? ''), id]),
  )
  return {
    starts: Object.keys(nodes).filter((id) => kindOf(nodes[id]?.node_type ?? '') === 'start'),
    after: (nodeId, port) => control.get(keyOf(nodeId, port)) ?? [],
    source: (nodeId, port) => data.get(keyOf(nodeId, port)),
    inputs: (nodeId) => inputs.get(nodeId) ?? [],
    endOf: (loopId) => ends.get(loopId),
  }
}

/** True if nodes of this type end the body of a loop. */
export function isLoopEnd(nodeType: string): boolean {
  return /^(for|while)loopend$/.test(kindOf(nodeType))
}

/** Ids and ports can contain any character except the separator. */
function keyOf(nodeId: string, port: string): string {
  return `${nodeId}\u0000${port}`
}
