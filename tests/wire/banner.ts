import type { Program } from '../process/program.ts'

/** The values that the orchestrator prints when it is ready. */
export interface Banner {
  readonly http: string
  readonly robots: string
  /** Shown at the first start only, as are the robot's key and the line that starts a job. */
  readonly admin: string | undefined
  readonly robotKey: string | undefined
  readonly curl: string | undefined
}

/** Waits until the server is ready, and parses its banner. */
export async function readBanner(program: Program): Promise<Banner> {
  await program.printed(/Ready\. Ctrl-C stops it\./)
  const read = (pattern: RegExp): string | undefined => pattern.exec(program.out)?.[1]
  return {
    http: read(/^ {2}API +(\S+)\/api\/v1$/m) ?? '',
    robots: read(/^ {2}Robots +(\S+)$/m) ?? '',
    admin: read(/^ {2}Admin key +(\S+)$/m),
    robotKey: read(/^ {2}Robot key +(\S+) /m),
    curl: read(/^ {2}(curl -X POST .*)$/m),
  }
}
