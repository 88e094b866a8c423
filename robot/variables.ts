import type { Definition } from '../workflows/definition.ts'
import { isExact, parseExact, stringifyExact } from '../core/base/exact.ts'
import { wholeIn } from './arithmetic.ts'
import { evaluate } from './expression.ts'
import { JobError } from './job-error.ts'

/** `{{ path }}`: a variable or a node's output, and members of it. */
const TEMPLATE = /\{\{([^{}]+)\}\}/g
const WHOLE = /^\{\{([^{}]+)\}\}$/
/** Characters of the longest text that templates may produce. */
const TEXT_CHARS_MAX = 1_000_000

/** The names of a running workflow: its variables, and the outputs of its nodes. */
export class Variables {
  readonly #values = new Map<string, unknown>()
  readonly #outputs = new Map<string, ReadonlyMap<string, unknown>>()
  readonly #unknown: (path: string) => void

  /**
   * Starts with the workflow's defaults, overridden by the job's parameters. `unknown` is called with names that have
   * no value.
   */
  constructor(
    declared: Definition['variables'],
    parameters: Readonly<Record<string, unknown>>,
    unknown: (path: string) => void,
  ) {
    this.#unknown = unknown
    for (const [name, { default_value }] of Object.entries(declared)) this.set(name, default_value)
    for (const [name, value] of Object.entries(parameters)) {
      const type = Object.hasOwn(declared, name) ? declared[name]?.type ?? null : null
      this.set(name, convert(name, value, type))
    }
  }

  get(name: string): unknown {
    return this.#values.get(name)
  }

  set(name: string, value: unknown): void {
    this.#values.set(name, value)
  }

  /** Adds outputs of a node. */
  put(nodeId: string, outputs: Readonly<Record<string, unknown>>): void {
    this.#outputs.set(nodeId, new Map([...this.#outputs.get(nodeId) ?? [], ...Object.entries(outputs)]))
  }

  output(nodeId: string, port: string): unknown {
    return this.#outputs.get(nodeId)?.get(port)
  }

  /**
   * Fills in templates, at any depth. A text that consists of one template becomes the value itself, with its type. In
   * a longer text, null becomes empty, and lists and objects become JSON. An unknown name stays as it is.
   */
  fill(value: unknown): unknown {
    if (typeof value === 'string') return value.includes('{{') ? this.#fillText(value) : value
    if (Array.isArray(value)) return value.map((item) => this.fill(item))
    if (typeof value !== 'object' || value === null || isExact(value)) return value
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, this.fill(item)]))
  }

  /**
   * The value of an expression. Templates in it stand for values, not text: the content of a variable cannot change the
   * meaning of the expression. Throws a `JobError`.
   */
  evaluate(expression: string): unknown {
    const filled: unknown[] = []
    const text = expression.replace(TEMPLATE, (_, path: string) => {
      filled.push(this.#resolve(path) ?? null)
      return ` __${filled.length - 1} `
    })
    return evaluate(text, (name) => {
      const index = /^__(\d+)$/.exec(name)?.[1]
      return index === undefined ? this.#named(name) : filled[Number(index)]
    })
  }

  #fillText(text: string): unknown {
    const whole = WHOLE.exec(text.trim())?.[1]?.trim()
    if (whole !== undefined) {
      const value = this.#resolve(whole)
      if (value === undefined) this.#unknown(whole)
      return value === undefined ? text : value
    }
    const filled = text.replace(TEMPLATE, (template, path: string) => {
      const value = this.#resolve(path)
      if (value === undefined) this.#unknown(path.trim())
      return value === undefined ? template : textOf(value)
    })
    if (filled.length > TEXT_CHARS_MAX) throw new JobError('TextTooLong', `A text is longer than ${TEXT_CHARS_MAX}`)
    return filled
  }

  /** A path like `row.amount` or `items[0].name`. A variable hides a node of the same name. */
  #resolve(path: string): unknown {
    const [name = '', ...keys] = path.split(/[.[]/).map(bare)
    return keys.reduce(member, this.#named(name))
  }

  #named(name: string): unknown {
    if (this.#values.has(name)) return this.#values.get(name) ?? null
    const outputs = this.#outputs.get(name)
    return outputs === undefined ? undefined : Object.fromEntries(outputs)
  }
}

/** A step of a path, without the closing bracket and the quotes. */
function bare(step: string): string {
  const trimmed = step.trim()
  const key = trimmed.endsWith(']') ? trimmed.slice(0, -1).trim() : trimmed
  return key.replace(/^["']/, '').replace(/["']$/, '')
}

/** An own member of an object or list; undefined if there is none. */
function member(of: unknown, key: string): unknown {
  if (typeof of !== 'object' || of === null || isExact(of) || !Object.hasOwn(of, key)) return undefined
  return Reflect.get(of, key)
}

/** The form of a value inside a text. */
export function textOf(value: unknown): string {
  if (value === null || value === undefined) return ''
  return typeof value === 'object' ? stringifyExact(value) : String(value)
}

/** Converts a value to a declared type. Only texts are converted, since forms and webhooks can send nothing else. */
export function convert(name: string, value: unknown, type: string | null): unknown {
  if (typeof value !== 'string' || type === null) return value
  const problem = new JobError('InvalidParameter', `${name} must be of type ${type}, and is ${JSON.stringify(value)}`)
  switch (type.toLowerCase()) {
    case 'integer':
    case 'int32':
    case 'float': {
      const number = value.trim() === '' ? NaN : Number(value)
      const whole = type.toLowerCase() === 'float' ? undefined : wholeIn(value)
      if (whole !== undefined) return whole
      if (!Number.isFinite(number) || (type.toLowerCase() !== 'float' && !Number.isInteger(number))) throw problem
      return number
    }
    case 'boolean': {
      const lower = value.trim().toLowerCase()
      if (['true', '1', 'yes', 'on'].includes(lower)) return true
      if (['false', '0', 'no', 'off', ''].includes(lower)) return false
      throw problem
    }
    case 'list':
    case 'array':
    case 'dict':
    case 'object':
    case 'datatable':
      try {
        return parseExact(value)
      } catch {
        throw problem
      }
    default:
      return value
  }
}
