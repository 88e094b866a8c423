import type { Millis } from '../../core/base/ids.ts'

/** The position in a mailbox up to which mail was processed. */
export interface MailboxPosition {
  /** The UIDVALIDITY of the folder: a different value makes all earlier UIDs meaningless. */
  readonly validity: string
  /** The last mail that was processed. */
  readonly uid: number
  /** The latest arrival among them, by the server's clock. */
  readonly at: Millis
  /**
   * UIDs up to this one existed when the folder was first seen; of these only mail that arrived after `since` is new.
   */
  readonly below: number
  readonly since: Millis
  /** The folder: a position in another one is meaningless. */
  readonly folder: string
}

/** The position as text, as stored with the trigger. */
export function cursorOf({ validity, uid, at, below, since, folder }: MailboxPosition): string {
  return [validity, uid, at, below, since, folder].join(':')
}

/** Parses a stored position; null if there is none. */
export function positionOf(cursor: string): MailboxPosition | null {
  const [whole, validity = '', uid, at, below, since, folder = ''] =
    /^(\d+):(\d+):(\d+):(\d+):(\d+):(.*)$/s.exec(cursor) ?? []
  if (whole === undefined) return null
  return { validity, uid: Number(uid), at: Number(at), below: Number(below), since: Number(since), folder }
}
