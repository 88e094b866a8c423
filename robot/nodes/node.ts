import { isExact } from '../../core/base/exact.ts'
import { fitsDouble, isJsonNumber } from '../../core/base/number.ts'
import type { JobContext } from '../job.ts'
import type { Files } from '../files.ts'
import type { FetchLimits } from '../fetch.ts'
import type { Variables } from '../variables.ts'

/** Services of the robot that nodes may use. */
export interface NodeServices {
  readonly files: Files
  readonly web: FetchLimits
}

/** A node while it runs. */
export interface NodeCall {
  readonly id: string
  readonly job: JobContext
  readonly variables: Variables
  readonly services: NodeServices
  /** The value that another node sends to the input port; undefined if nothing is connected. */
  readonly connected: (name: string) => unknown
  /**
   * The value connected to the input port, or else the configured one with its templates filled in; undefined without
   * both.
   */
  readonly input: (name: string) => unknown
  /** The configured value, templates unfilled. Expressions are read from here. */
  readonly raw: (name: string) => unknown
  /** The state that the node has kept since its loop began; undefined on the first call. */
  readonly loop: LoopState | undefined
}

/** The position of a loop. It lasts from the first iteration until the loop is left. */
export interface LoopState {
  readonly items: readonly unknown[]
  readonly keys: readonly string[] | null
  readonly index: number
}

/** The outcome of a node. */
export interface NodeReturn {
  /** The values of its output ports. */
  readonly outputs?: Readonly<Record<string, unknown>>
  /** The control port at which the workflow continues: `exec_out` if absent, none if null. */
  readonly next?: string | null
  /** The node is a loop that continues: it is called again with this state after its body has run. */
  readonly loop?: LoopState
  /** Returns to a loop and skips the rest of its body; `leave` ends the loop. */
  readonly back?: { readonly to: string; readonly leave: boolean }
  /** Ends the branch; the value is the job's result. */
  readonly result?: unknown
}

export type NodeRunner = (call: NodeCall) => NodeReturn | Promise<NodeReturn>

/** Reads an input as a text. */
export function textInput(call: NodeCall, name: string, fallback: string): string {
  const value = call.input(name)
  return value === undefined || value === null ? fallback : String(value)
}

/** Reads an input as a finite number. Throws where it is something else. */
export function numberInput(call: NodeCall, name: string, fallback: number): number {
  const value = call.input(name)
  if (value === undefined || value === null || value === '') return fallback
  const token = String(value).trim()
  if (isExact(value) || (isJsonNumber(token) && !fitsDouble(token))) {
    throw new TypeError(`${name}: ${token} has more digits than can be kept here`)
  }
  const number = Number(value)
  if (!Number.isFinite(number)) throw new TypeError(`${name} must be a number, and is ${JSON.stringify(value)}`)
  return number
}

/** Reads an input as a boolean; of texts, `false`, `0`, `no` and `off` are false. */
export function booleanInput(call: NodeCall, name: string, fallback: boolean): boolean {
  const value = call.input(name)
  if (value === undefined || value === null || value === '') return fallback
  return typeof value === 'string' ? !['false', '0', 'no', 'off'].includes(value.toLowerCase()) : Boolean(value)
}

/** Sets the variable that a node's configuration names for its result, if it names one. */
export function setResult(call: NodeCall, value: unknown): void {
  const name = ['result_variable', 'output_variable', 'variable_name'].map((key) => call.raw(key))
    .find((configured) => typeof configured === 'string' && configured !== '')
  if (typeof name === 'string') call.variables.set(name, value)
}
