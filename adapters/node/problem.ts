/** Something that the operator can put right. Its message is one line, and the process ends with status 1. */
export class Problem extends Error {
  override readonly name = 'Problem'
}
