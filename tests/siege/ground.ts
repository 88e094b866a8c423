/** The target of an attack. */
export interface Ground {
  /** The address of the HTTP API, without a path. */
  readonly http: string
  /** The address for robots. */
  readonly robots: string
  /** An admin key, for attacks from inside. */
  readonly key: string
  /** The address that attackers come from, where the machine has more than one; undefined: the system chooses. */
  readonly from: string | undefined
}

/** On Linux all of 127.0.0.0/8 is this machine: attackers come from another address than those who mean well. */
export function groundOf({ http, robots, admin }: { http: string; robots: string; admin: string }): Ground {
  const local = process.platform === 'linux' && new URL(http).hostname === '127.0.0.1'
  return { http, robots, key: admin, from: local ? '127.0.0.2' : undefined }
}
