import type { FetchMessageObject, ImapFlow, SearchObject } from 'imapflow'
import type { Millis } from '../../core/base/ids.ts'
import type { JsonObject } from '../../core/base/json.ts'
import { type Refusal, refuse } from '../../core/base/refusal.ts'
import { tryEach } from '../../outgoing/request.ts'
import {
  imapProblem,
  type MailReach,
  type MailServerConfig,
  newImapClient,
  problemWithServer,
  serverAddresses,
  withTimeout,
} from './imap-client.ts'
import { cursorOf, type MailboxPosition, positionOf } from './mail-position.ts'
import { HEADER_BYTES_MAX, type Mail, MAIL_BYTES_MAX, type MailFilters, matchesFilters, readMail } from './mail.ts'
import type { SourceContext, StartSource } from './sources.ts'

/** Takes mail out of a folder on an IMAP server: one connection for each trigger, which waits there for mail. */

/** As the trigger has it in `config`. */
interface ImapConfig extends MailFilters, MailServerConfig {
  readonly folder: string
  readonly poll_seconds: number
  readonly mark_seen: boolean
}

/** What is known of a mail before it is read. */
type MailHeaders = Pick<FetchMessageObject, 'uid' | 'size' | 'internalDate' | 'headers'>

const AGAIN_MS = 1_000
const AGAIN_MS_MAX = 300_000
/** While the orchestrator takes nothing. */
const LATER_MS_MAX = 60_000
const LIST_MAX = 100
/** A server that fails so often over one mail does not keep the others from coming: it is taken without being read. */
const TRIES_MAX = 4
const DAY_MS = 86_400_000

/**
 * Fires the trigger for each mail that comes into the folder, in the order of the server. A connection that is lost, or a
 * server that lets nobody in, is tried again after a pause that doubles each time; `context.setStatus` says which it is.
 *
 * The place in the folder is kept with the trigger in the turn in which the mail fires. Where there is none yet, or it is
 * a place in another folder or in one that the server has made anew, mail counts as new that came in after the trigger
 * was created, was last changed, or had last fired; the server's clock decides.
 */
export const fetchMail = (from: MailReach): StartSource => (trigger, context) => {
  // As it was decoded when it was saved.
  const config = trigger.config as unknown as ImapConfig
  const folder = `${config.username}@${config.server}/${config.folder}`
  const reader = new ImapReader(config, trigger.signing?.key ?? '', context, folder, from)
  const position = positionOf(trigger.cursor)
  // Servers keep whole seconds: what came in the second in which the trigger was made came after it.
  const created = Math.floor(trigger.created_at / 1000) * 1000 - 1
  if (position?.folder === folder) reader.position = position
  const done = reader.run(
    position === null ? created : Math.max(position.at, position.folder === folder ? 0 : trigger.updated_at),
  )
  return {
    async stop() {
      reader.end()
      await done
    },
  }
}

/** What is in the way of taking mail from there: an address, to which nobody delivers here, or a server out of reach. */
export const checkMailServer = (from: MailReach) => (config: JsonObject): Refusal | null => {
  if ('address' in config) {
    const message = 'Field config.address: mail is delivered to addresses on Workers only; name a server here'
    return refuse('INVALID_PAYLOAD', message, { fields: ['config.address'] })
  }
  const problem = problemWithServer(config as unknown as ImapConfig, from)
  if (problem === null) return null
  return refuse('INVALID_PAYLOAD', `Field config.server: ${problem}`, { fields: ['config.server'] })
}

class ImapReader {
  position: MailboxPosition | null = null
  readonly #config: ImapConfig
  readonly #password: string
  readonly #context: SourceContext
  readonly #folder: string
  readonly #from: MailReach
  readonly #stop = new AbortController()
  #client: ImapFlow | null = null
  #ended = false
  /** Ends the wait that is under way, if any. */
  #wake = (): void => {}
  #news = false
  /** The place that was noted last. */
  #savedCursor = ''
  /** Since something went well. */
  #failures = 0
  /** The mail that was to be next when something went wrong, and how often it has been so far. */
  #next = { uid: 0, tries: 0 }
  /** Up to this one there may be a mail over which the server fails. */
  #suspect = 0

  constructor(config: ImapConfig, password: string, context: SourceContext, folder: string, from: MailReach) {
    this.#config = config
    this.#password = password
    this.#context = context
    this.#folder = folder
    this.#from = from
  }

  /** Goes on until `end`. What came before `since` is old, as long as nothing else says what is. */
  async run(since: Millis): Promise<void> {
    while (!this.#ended) {
      try {
        const addresses = await serverAddresses(this.#config, this.#from, this.#stop.signal)
        await tryEach(addresses, (address) => this.#session(address, since))
      } catch (error) {
        if (this.#ended) return
        this.#context.setStatus('error', imapProblem(error))
        // A wrong password, again and again, is what servers lock accounts for.
        const locked = (error as { authenticationFailed?: boolean }).authenticationFailed === true
        await this.#wait(locked ? AGAIN_MS_MAX : Math.min(AGAIN_MS * 2 ** this.#failures++, AGAIN_MS_MAX))
      }
    }
  }

  end(): void {
    this.#ended = true
    this.#stop.abort()
    this.#client?.close()
    this.#wake()
  }

  async #session(address: string, since: Millis): Promise<void> {
    const client = this.#client = await newImapClient(this.#config, this.#password, address)
    const look = (): void => {
      // What a connection says that we have ended must not cut the pause before the next one short.
      if (this.#client !== client) return
      this.#news = true
      this.#wake()
    }
    client.on('exists', look)
    client.on('close', look)
    // Whoever waits for an answer gets the error too; without this one it would end the process.
    client.on('error', look)
    try {
      if (this.#ended) return
      await client.connect()
      const { folder, mark_seen, poll_seconds } = this.#config
      const { uidValidity, uidNext } = await client.mailboxOpen(folder, { readOnly: !mark_seen })
      this.#context.setStatus('active', `Waits for mail in ${folder}`)
      const validity = String(uidValidity)
      if (this.position?.validity !== validity) {
        const after = this.position?.at ?? since
        this.position = { validity, uid: 0, at: after, below: uidNext - 1, since: after, folder: this.#folder }
      }
      while (!this.#ended) {
        this.#news = false
        await this.#readNew(client, this.position)
        await this.#saveCursor(this.position)
        this.#failures = 0
        if (!this.#news) await this.#wait(poll_seconds * 1000)
        // Not every server says by itself that there is mail, and not every connection that is gone says so.
        await withTimeout(client.noop())
      }
    } finally {
      this.#client = null
      client.close()
    }
  }

  async #readNew(client: ImapFlow, { uid, below, since }: MailboxPosition): Promise<void> {
    // The server compares dates, in a zone of its own.
    const days = { since: new Date(since - DAY_MS), uid: `${uid + 1}:${below}` }
    const old = uid < below ? await search(client, days) : []
    const seen = Math.max(uid, below)
    // The last one is in any range that ends with it.
    const fresh = (await search(client, { uid: `${seen + 1}:*` })).filter((one) => one > seen)
    const uids = [...old, ...fresh]
    for (let i = 0; i < uids.length && !this.#ended;) {
      const page = this.#page(uids.slice(i, i + LIST_MAX))
      i += page.length
      for (const mail of await this.#list(client, page)) {
        const sketch = await readMail(mail.headers ?? new Uint8Array(), { id: null, at: 0, size: 0 })
        const wanted = matchesFilters(this.#config, sketch.payload) &&
          (mail.uid > below || cameAfter(since, mail, Date.parse(String(sketch.payload['sent_at']))))
        if (wanted && !await this.#fire(client, mail)) return
        if (!wanted) this.position = this.#positionAt(client, mail)
        this.#failures = 0
      }
    }
    if (this.position !== null && this.position.uid < below) this.position = { ...this.position, uid: below }
  }

  /** The mails that are looked at next: all of these, or the first alone where something went wrong among them before. */
  #page(uids: readonly number[]): readonly number[] {
    const [uid = 0] = uids
    this.#next = { uid, tries: this.#next.uid === uid ? this.#next.tries + 1 : 1 }
    const page = this.#next.tries > 1 || uid <= this.#suspect ? [uid] : uids
    this.#suspect = Math.max(this.#suspect, page.at(-1) ?? 0)
    return page
  }

  /**
   * What has to be known of mails to choose among them; in the end, of one that the server does not give out, nothing but
   * that it is there. Those that were deleted meanwhile are left out.
   */
  async #list(client: ImapFlow, page: readonly number[]): Promise<readonly MailHeaders[]> {
    const [uid = 0] = page
    if (this.#next.tries > TRIES_MAX) {
      this.#context.log('warn', 'the server does not give a mail out', { uid })
      return [{ uid }]
    }
    const query = { uid: true, size: true, internalDate: true, headers: ['from', 'subject', 'date'] }
    const mails = await client.fetchAll(page.join(), query, { uid: true })
    if (page.length > 1) this.#suspect = 0
    return mails.sort((a, b) => a.uid - b.uid)
  }

  /** Has what was passed over noted too, so that it is not looked at again after a restart. */
  async #saveCursor(position: MailboxPosition): Promise<void> {
    const cursor = cursorOf(position)
    if (cursor !== this.#savedCursor && await this.#context.saveCursor(cursor) === 'done') this.#savedCursor = cursor
  }

  /** Where the folder is once a mail has been dealt with. */
  #positionAt({ mailbox }: ImapFlow, mail: MailHeaders): MailboxPosition {
    if (mailbox === false || this.position === null) throw new Error('The folder was closed')
    // Mail that was moved here comes with its own date.
    return { ...this.position, uid: mail.uid, at: Math.min(Math.max(this.position.at, dateOf(mail)), Date.now()) }
  }

  /** Returns whether the mail has been dealt with; it has not where the source ends before. */
  async #fire(client: ImapFlow, listed: MailHeaders): Promise<boolean> {
    const { server, folder, mark_seen } = this.#config
    const position = this.#positionAt(client, listed)
    const mail = await this.#read(client, listed, `${position.validity}:${position.uid}`)
    if (mail === null) return true
    const event = {
      payload: mail.payload,
      metadata: { source: 'imap', server, folder },
      cursor: cursorOf(position),
      dedupeKey: mail.dedupeKey,
    }
    for (let pause = AGAIN_MS; await this.#context.emit(event) === 'later'; pause = Math.min(2 * pause, LATER_MS_MAX)) {
      await this.#wait(pause)
      if (this.#ended) return false
    }
    this.position = position
    this.#savedCursor = event.cursor
    if (mark_seen) await client.messageFlagsAdd(String(listed.uid), ['\\Seen'], { uid: true })
    return true
  }

  /** The mail; null where it was deleted meanwhile. */
  async #read(client: ImapFlow, listed: MailHeaders, id: string): Promise<Mail | null> {
    const { uid, size = 0, headers = new Uint8Array() } = listed
    const arrival = { id, at: dateOf(listed), size }
    if (this.#next.tries > TRIES_MAX) {
      return readMail(headers, { ...arrival, note: `The server did not give this mail out in ${TRIES_MAX} tries` })
    }
    const maxLength = size > MAIL_BYTES_MAX ? HEADER_BYTES_MAX : MAIL_BYTES_MAX
    const fetched = await client.fetchOne(String(uid), { source: { start: 0, maxLength } }, { uid: true })
    return fetched === false || fetched.source === undefined ? null : await readMail(fetched.source, arrival)
  }

  /** Until the time is over, the source is to end, or there are news. */
  #wait(ms: Millis): Promise<void> {
    return new Promise((resolve) => {
      if (this.#ended) return resolve()
      const timer = setTimeout(resolve, ms)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }
}

async function search(client: ImapFlow, query: SearchObject): Promise<readonly number[]> {
  const uids = await client.search(query, { uid: true })
  if (!Array.isArray(uids)) throw new Error('The server cannot search the folder')
  return uids.sort((a, b) => a - b)
}

function cameAfter(since: Millis, mail: MailHeaders, sentAt: number): boolean {
  // A folder that was moved may have come in whole today; its mail was sent before.
  return mail.internalDate !== undefined && dateOf(mail) > since && !(sentAt < since - DAY_MS)
}

function dateOf({ internalDate }: MailHeaders): Millis {
  const at = new Date(internalDate ?? NaN).getTime()
  return Number.isNaN(at) ? Date.now() : at
}
