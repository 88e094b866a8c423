/** What a robot really did with one offer of a job, whatever it managed to say about it. */
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
