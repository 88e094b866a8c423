/** A robot's real work on one offer of a job, reported or not. */
export interface Execution {
  started: boolean
  running: boolean
  refused: boolean
  stopped: boolean
  progress: number
  /** The real end: the result, or the error. */
  completed: string | null
  failed: string | null
  errorType: string
}

export function newExecution(): Execution {
  return {
    started: false,
    running: false,
    refused: false,
    stopped: false,
    progress: 0,
    completed: null,
    failed: null,
    errorType: '',
  }
}
