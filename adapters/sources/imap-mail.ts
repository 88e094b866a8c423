import type { FetchMessageObject, ImapFlow, SearchObject } from 'imapflow'
import type { Millis } from '../../core/base/ids.ts'
import type { MailboxPosition } from './mail-position.ts'
import type { MailArrival } from './mail.ts'

/** Mail in a folder on an IMAP server, before its content is fetched. */

export const DAY_MS = 86_400_000

/** The data of a mail that is fetched before its content. */
export type MailHeaders = Pick<FetchMessageObject, 'uid' | 'size' | 'internalDate' | 'headers'>

/** The UIDs of the mails that match, in ascending order. */
export async function searchMail(client: ImapFlow, query: SearchObject): Promise<readonly number[]> {
  const uids = await client.search(query, { uid: true })
  if (!Array.isArray(uids)) throw new Error('The server cannot search the folder')
  return uids.sort((a, b) => a - b)
}

/** True if a mail is new by the server's clock and its own date, for mail whose UID does not tell. */
export function cameAfter(since: Millis, mail: MailHeaders, sentAt: number): boolean {
  // A moved folder may have arrived today as a whole; its mail was sent before.
  return mail.internalDate !== undefined && dateOf(mail) > since && !(sentAt < since - DAY_MS)
}

/** The arrival of a mail: its name in the folder, when it came, its size. */
export function arrivalOf(mail: MailHeaders, { validity, uid }: MailboxPosition): MailArrival {
  return { id: `${validity}:${uid}`, at: dateOf(mail), size: mail.size ?? 0 }
}

/** The arrival of a mail by the server's clock; now, if the server does not say. */
function dateOf({ internalDate }: MailHeaders): Millis {
  const at = new Date(internalDate ?? NaN).getTime()
  return Number.isNaN(at) ? Date.now() : at
}

/** The position after a mail was processed. */
export function positionAfter({ mailbox }: ImapFlow, before: MailboxPosition, mail: MailHeaders): MailboxPosition {
  if (mailbox === false) throw new Error('The folder was closed')
  // Mail that was moved here keeps its own date.
  return { ...before, uid: mail.uid, at: Math.min(Math.max(before.at, dateOf(mail)), Date.now()) }
}
