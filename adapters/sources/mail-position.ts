import type { Millis } from '../../core/base/ids.ts'

/** How far a folder has been dealt with. */
export interface MailboxPosition {
  /** The server's number for the folder as it is: another one makes all UIDs of before meaningless. */
  readonly validity: string
  /** The last mail that was dealt with. */
  readonly uid: number
  /** When the latest of them came in, by the server's clock. */
  readonly at: Millis
  /** Mail up to this was there when the folder was seen first; of that only what came in after `since` is new. */
  readonly below: number
  readonly since: Millis
  /** Where: a place in another folder says nothing. */
  readonly folder: string
}

/** A place as it is kept with the trigger. */
export function cursorOf({ validity, uid, at, below, since, folder }: MailboxPosition): string {
  return [validity, uid, at, below, since, folder].join(':')
}

/** The place that was kept; null where there is none yet. */
export function positionOf(cursor: string): MailboxPosition | null {
  const [whole, validity = '', uid, at, below, since, folder = ''] =
    /^(\d+):(\d+):(\d+):(\d+):(\d+):(.*)$/s.exec(cursor) ?? []
  if (whole === undefined) return null
  return { validity, uid: Number(uid), at: Number(at), below: Number(below), since: Number(since), folder }
}
