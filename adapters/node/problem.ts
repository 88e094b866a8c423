/** An error that the operator can correct. Its message is one line, and the process exits with status 1. */
export class Problem extends Error {
  override readonly name = 'Problem'
}
