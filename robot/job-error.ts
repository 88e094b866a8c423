/** An error that the robot raises itself, with the `error_type` that the job fails with. */
export class JobError extends Error {
  override readonly name = 'JobError'
  readonly type: string

  constructor(type: string, message: string) {
    super(message)
    this.type = type
  }
}
