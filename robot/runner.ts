import { type Definition, parseDefinition, problemText, type WorkflowNode } from '../workflows/definition.ts'
import type { JsonText } from '../core/base/ids.ts'
import { parseExact } from '../core/base/exact.ts'
import { firstLost, fromText } from '../core/base/json.ts'
import { INTERNET, reachOf, USUAL_PORTS } from '../outgoing/reach.ts'
import type { Resolve } from '../outgoing/request.ts'
import { filesIn } from './files.ts'
import { type Flow, flowOf, isLoopEnd } from './flow.ts'
import type { JobContext, JobHandler } from './job.ts'
import type { LoopState, NodeCall, NodeReturn, NodeRunner, NodeServices } from './nodes/node.ts'
import { runnerOf } from './nodes/table.ts'
import { messageOf } from './text.ts'
import { Variables } from './variables.ts'
import { JobError } from './job-error.ts'

export interface RunnerOptions {
  /** The folder to which the file nodes are confined. */
  readonly root: string
  /**
   * The hosts that the HTTP nodes may call: `*` for the internet, names, addresses, and networks such as `10.0.0.0/8`,
   * each with its port unless that is 80, 443 or above 1023. Default: the internet.
   */
  readonly httpHosts?: readonly string[] | undefined
  /** Resolves names; by default with the system's resolver. */
  readonly resolve?: Resolve | undefined
  /** The largest HTTP response, in bytes. */
  readonly responseBytesMax?: number | undefined
  /** The number of nodes that one job may run, which ends endless loops. */
  readonly stepsMax?: number | undefined
}

const RESPONSE_BYTES_MAX = 8 << 20
const STEPS_MAX = 1_000_000
/** The time that nodes may run without a pause for the robot's own work: heartbeats, cancellations, other jobs. */
const PAUSE_MS = 10

/** Makes a job handler that runs canonical CasareRPA workflows, with the node types in `nodes/table.ts`. */
export function createRunner(options: RunnerOptions): JobHandler {
  const { root, httpHosts = INTERNET, resolve, responseBytesMax = RESPONSE_BYTES_MAX, stepsMax = STEPS_MAX } = options
  const services: NodeServices = {
    files: filesIn(root),
    web: { reach: reachOf(httpHosts, USUAL_PORTS.http), bytesMax: responseBytesMax, resolve },
  }
  return (job) => new Run(job, readWorkflow(job), services, stepsMax).run()
}

/**
 * The definition of a job's workflow. Throws for an unreadable one and for unknown node types, before any node runs.
 */
function readWorkflow(job: JobContext): Definition {
  const read = parseDefinition(job.workflowJson)
  const lost = 'problems' in read ? null : firstLost(fromText(job.workflowJson as JsonText), '')
  if (lost !== null) {
    throw new JobError('InvalidWorkflow', `${lost.path}: ${lost.token} has more digits than this robot can keep`)
  }
  if ('problems' in read) throw new JobError('InvalidWorkflow', problemText(read.problems))
  for (const [id, node] of Object.entries(read.definition.nodes)) {
    const { node_type } = node
    if (isDisabled(node) || runnerOf(node_type) !== undefined) continue
    throw Object.assign(new JobError('UnknownNodeType', `This robot has no node type ${node_type}`), { node: id })
  }
  return read.definition
}

/** True if the editor has disabled the node: it is in the definition, but must not run. */
function isDisabled({ config }: WorkflowNode): boolean {
  return config?.['_disabled'] === true
}

function parametersOf({ parametersText }: JobContext): Readonly<Record<string, unknown>> {
  return parseExact(parametersText) as Readonly<Record<string, unknown>>
}

/** A node to run later; with `loop`, a loop whose body has run. */
interface Pending {
  readonly id: string
  readonly loop?: LoopState
}

/**
 * One run of a workflow. Pending nodes lie on a stack, so a branch is followed to its end before the next one begins. A
 * loop lies below its body, and continues when the body has nothing more to run.
 */
class Run {
  readonly #job: JobContext
  readonly #definition: Definition
  readonly #flow: Flow
  readonly #services: NodeServices
  readonly #stepsMax: number
  readonly #variables: Variables
  readonly #stack: Pending[] = []
  readonly #visited = new Set<string>()
  #visitedBeforeLoop = 0
  #result: unknown

  constructor(job: JobContext, definition: Definition, services: NodeServices, stepsMax: number) {
    this.#job = job
    this.#definition = definition
    this.#flow = flowOf(definition)
    this.#services = services
    this.#stepsMax = stepsMax
    this.#variables = new Variables(definition.variables, parametersOf(job), (path) => {
      job.log('WARNING', `Nothing is named ${path}: the template stays as it is`)
    })
  }

  /** Runs to the end and returns the job's result: the value of an EndNode, or else the variable `result`. */
  async run(): Promise<unknown> {
    this.#push(this.#flow.starts)
    let pausedAt = performance.now()
    for (let steps = 0;; steps++) {
      const pending = this.#stack.pop()
      if (pending === undefined) break
      this.#job.signal.throwIfAborted()
      if (steps >= this.#stepsMax) throw new JobError('StepLimit', `The workflow ran ${steps} nodes and goes on`)
      if (performance.now() - pausedAt > PAUSE_MS) {
        await new Promise((resume) => setImmediate(resume))
        pausedAt = performance.now()
      }
      await this.#step(pending)
    }
    return this.#result ?? this.#variables.get('result') ?? { success: true }
  }

  async #step(pending: Pending): Promise<void> {
    const { id } = pending
    const node = this.#definition.nodes[id]
    if (node !== undefined && isDisabled(node)) return this.#passOver(id, node)
    // A connection from the body back to its loop means the same as the end of the body.
    const resumed = pending.loop === undefined && this.#unwindTo(id) ? this.#stack.pop() ?? pending : pending
    const runner = node === undefined ? undefined : runnerOf(node.node_type)
    if (node === undefined || runner === undefined) throw new JobError('UnknownNodeType', `There is no node ${id}`)
    this.#report(id, node, resumed.loop)
    const returned = await this.#attempt(id, node, runner, resumed.loop)
    if (returned.outputs !== undefined) this.#variables.put(id, returned.outputs)
    if (returned.result !== undefined) this.#result = returned.result
    if (returned.back !== undefined) return this.#goBack(id, returned.back)
    if (returned.loop !== undefined) {
      if (!this.#inLoop && resumed.loop === undefined) this.#visitedBeforeLoop = this.#visited.size
      this.#stack.push({ id, loop: returned.loop })
    }
    this.#goOn(id, returned.next === undefined ? 'exec_out' : returned.next)
  }

  /**
   * Skips a node as if it were not there: inputs go out at the ports of the same name. A disabled loop continues at
   * `completed`, and a disabled loop end still ends the body.
   */
  #passOver(id: string, { node_type, config }: WorkflowNode): void {
    this.#visited.add(id)
    const put = this.#flow.inputs(id).map((port) => [port, this.#connected(id, port)] as const)
    const renamed = put.map(([port, value]) => [port.replace(/_in$/, '_out'), value] as const)
    this.#variables.put(id, Object.fromEntries([...renamed, ...put]))
    if (isLoopEnd(node_type)) return this.#goBack(id, { to: String(config?.['paired_start_id'] ?? ''), leave: false })
    this.#goOn(id, this.#flow.after(id, 'exec_out').length > 0 ? 'exec_out' : 'completed')
  }

  /** Runs a node. An error ends the job, or, if the workflow does not stop on errors, goes to the node's outputs. */
  async #attempt(id: string, node: WorkflowNode, runner: NodeRunner, loop: LoopState | undefined): Promise<NodeReturn> {
    try {
      return await runner(this.#callOf(id, node, loop))
    } catch (error) {
      const stops = this.#definition.settings.stop_on_error || this.#job.signal.aborted
      if (stops) throw Object.assign(error instanceof Error ? error : new Error(String(error)), { node: id })
      this.#job.log('ERROR', messageOf(error), { nodeId: id })
      return { outputs: { success: false, error: messageOf(error) } }
    }
  }

  #callOf(id: string, { config }: WorkflowNode, loop: LoopState | undefined): NodeCall {
    const raw = (name: string): unknown =>
      config !== null && config !== undefined && Object.hasOwn(config, name) ? config[name] : undefined
    const connected = (name: string): unknown => this.#connected(id, name)
    return {
      id,
      job: this.#job,
      variables: this.#variables,
      services: this.#services,
      connected,
      input: (name) => connected(name) ?? this.#variables.fill(raw(name)),
      raw,
      loop,
    }
  }

  #connected(id: string, port: string): unknown {
    const source = this.#flow.source(id, port)
    return source === undefined ? undefined : this.#variables.output(source.node, source.port)
  }

  get #inLoop(): boolean {
    return this.#stack.some(({ loop }) => loop !== undefined)
  }

  #goOn(id: string, port: string | null): void {
    if (port === null) return
    const after = this.#flow.after(id, port)
    const end = port === 'completed' && after.length === 0 ? this.#flow.endOf(id) : undefined
    // A loop whose `completed` is not connected continues after its end node, as editors draw it.
    this.#push(end === undefined ? after : this.#flow.after(end, 'exec_out'))
  }

  #goBack(from: string, { to, leave }: { readonly to: string; readonly leave: boolean }): void {
    const loopId = to === '' ? this.#stack.findLast(({ loop }) => loop !== undefined)?.id : to
    // Outside its loop, a loop end is a node like any other.
    if (loopId === undefined || !this.#unwindTo(loopId)) return this.#goOn(from, 'exec_out')
    if (!leave) return
    this.#stack.pop()
    this.#goOn(loopId, 'completed')
  }

  /** Drops the stack above a running loop. Returns false, and drops nothing, if that loop is not running. */
  #unwindTo(loopId: string): boolean {
    const at = this.#stack.findLastIndex(({ id, loop }) => id === loopId && loop !== undefined)
    if (at !== -1) this.#stack.length = at + 1
    return at !== -1
  }

  #push(ids: readonly string[]): void {
    for (const id of ids.toReversed()) this.#stack.push({ id })
  }

  /** Progress is the share of nodes that have run. Nodes in a loop count by the share of its iterations. */
  #report(id: string, node: WorkflowNode, loop: LoopState | undefined): void {
    this.#visited.add(id)
    const outermost = this.#stack.find((pending) => pending.loop !== undefined)?.loop ?? loop
    const inLoop = outermost === undefined ? 0 : this.#visited.size - this.#visitedBeforeLoop
    const through = outermost === undefined || outermost.items.length === 0
      ? 1
      : (outermost.index - 1) / outermost.items.length
    const done = this.#visited.size - inLoop + inLoop * through
    this.#job.progress(Math.min(99, 100 * done / Object.keys(this.#definition.nodes).length), id, node.name)
  }
}
