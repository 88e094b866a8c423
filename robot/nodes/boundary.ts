import type { NodeRunner } from './node.ts'

/** Where a workflow begins, and where branches come together: nothing happens. */
export const pass: NodeRunner = () => ({})

/** A remark. Nothing leads on from it. */
export const comment: NodeRunner = () => ({ next: null })

/** Where a branch ends. What `result` says is the job's result. */
export const end: NodeRunner = (call) => {
  const result = call.input('result')
  return result === undefined ? { next: null } : { next: null, result }
}
