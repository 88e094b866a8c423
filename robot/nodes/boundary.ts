import type { NodeRunner } from './node.ts'

/** Start and merge nodes: they do nothing. */
export const pass: NodeRunner = () => ({})

/** A comment. Nothing follows it. */
export const comment: NodeRunner = () => ({ next: null })

/** Ends a branch. The input `result` becomes the job's result. */
export const end: NodeRunner = (call) => {
  const result = call.input('result')
  return result === undefined ? { next: null } : { next: null, result }
}
