/** An error of the robot's own making, with the `error_type` that the job fails with. */
export class JobError extends Error {
  override readonly name = 'JobError'
  readonly type: string

  constructor(type: string, message: string) {
    super(message)
    this.type = type
  }
}
