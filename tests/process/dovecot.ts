import { execFile } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import { debian } from '../debian.ts'
import { freePort, newFolder, Program } from './program.ts'

/** The owner of the mailboxes if root starts the server, which does not let anyone read mail as root. */
const MAIL = { name: 'mail', uid: 8, gid: 8 }

/** A real IMAP server on loopback, with mailboxes of its own. */
export class Dovecot {
  /** The port without TLS, and for STARTTLS. */
  readonly port: number
  /** The port with TLS. */
  readonly securePort: number
  readonly #binary: string
  readonly #folder = newFolder()
  #program: Program | null = null
  #delivered = 0

  private constructor(binary: string, ports: readonly [number, number]) {
    this.#binary = binary
    ;[this.port, this.securePort] = ports
    // The server's parts run as different users.
    chmodSync(this.#folder, 0o755)
  }

  /** Installs it if it has to, and starts it. The user `robot` has the password that is given. */
  static async start(password: string): Promise<Dovecot> {
    const server = new Dovecot(await debian('dovecot', 'dovecot-imapd'), [await freePort(), await freePort()])
    await server.#certify()
    writeFileSync(server.#path('users'), `robot:{PLAIN}${password}\n`)
    mkdirSync(server.#path('mail'))
    own(server.#path('mail'))
    writeFileSync(server.#path('dovecot.conf'), server.#config())
    await server.start()
    return server
  }

  /** The file of the authority that has signed its certificate. */
  get authority(): string {
    return this.#path('authority.pem')
  }

  /** Starts it again on the same mail and ports. */
  async start(): Promise<void> {
    this.#program = new Program(this.#binary, ['-F', '-c', this.#path('dovecot.conf')])
    for (const end = Date.now() + 10_000; !await this.#greets();) {
      if (Date.now() > end) throw new Error(`dovecot does not start\n${this.#program.out}${this.#program.err}`)
      await pause(20)
    }
  }

  /** Ends it and every connection. */
  async stop(): Promise<void> {
    await this.#program?.killTree()
    this.#program = null
  }

  /** Delivers a mail to the inbox, as a mail server does. */
  deliver(raw: string | Uint8Array): void {
    const inbox = this.#path('mail/robot')
    for (const part of ['', '/tmp', '/new', '/cur']) {
      mkdirSync(inbox + part, { recursive: true })
      own(inbox + part)
    }
    // The server numbers what comes within a second by the names of the files, in the order of their letters.
    const number = String(this.#delivered++).padStart(6, '0')
    const name = `${Math.floor(Date.now() / 1000)}.M${process.pid}P${number}.test`
    writeFileSync(`${inbox}/tmp/${name}`, raw)
    own(`${inbox}/tmp/${name}`)
    renameSync(`${inbox}/tmp/${name}`, `${inbox}/new/${name}`)
  }

  /** Has the server fail over a mail, which it cannot open, until it is made good again. */
  spoil(subject: string): () => void {
    chmodSync(this.#file(subject), 0)
    return () => chmodSync(this.#file(subject), 0o600)
  }

  /** The flags of the mail with this subject, one letter each. */
  flags(subject: string): string {
    return this.#file(subject).replace(/^.*:2,/, '')
  }

  /** Has the server forget how it numbered the mails: it numbers them anew, under another UIDVALIDITY. Stop it before. */
  renumber(): void {
    if (this.#program !== null) throw new Error('it is still running')
    for (const file of ['dovecot-uidlist', 'dovecot-uidvalidity', 'dovecot.index', 'dovecot.index.log']) {
      rmSync(this.#path(`mail/robot/${file}`), { force: true })
    }
  }

  #config(): string {
    const root = process.getuid?.() === 0
    const { username, uid, gid } = userInfo()
    const user = root ? '' : `default_internal_user = ${username}\ndefault_login_user = ${username}\n`
    const chroot = root
      ? ''
      : ['imap-login', 'anvil', 'stats'].map((name) => `service ${name} {\n  chroot =\n}\n`).join('')
    const mail = root ? MAIL : { uid, gid }
    return `
base_dir = ${this.#path('run')}
state_dir = ${this.#path('state')}
log_path = /dev/stderr
listen = 127.0.0.1
protocols = imap
ssl = yes
ssl_cert = <${this.#path('server.pem')}
ssl_key = <${this.#path('server-key.pem')}
disable_plaintext_auth = no
auth_failure_delay = 0
mail_location = maildir:${this.#path('mail')}/%u
first_valid_uid = 1
first_valid_gid = 1
${user}${chroot}
passdb {
  driver = passwd-file
  args = ${this.#path('users')}
}
userdb {
  driver = static
  args = uid=${mail.uid} gid=${mail.gid} home=${this.#path('mail')}/%u
}
# A wrong password makes every later login from the same address wait.
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service imap-login {
  inet_listener imap {
    port = ${this.port}
  }
  inet_listener imaps {
    port = ${this.securePort}
  }
}
`
  }

  /** An authority, and what it has signed: not every runtime takes a server that is its own authority. */
  async #certify(): Promise<void> {
    const openssl = await debian('openssl', 'openssl')
    const make = async (name: string, ...more: readonly string[]): Promise<void> => {
      const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
      const files = ['-keyout', this.#path(`${name}-key.pem`), '-out', this.#path(`${name}.pem`)]
      const args = ['req', '-x509', '-days', '1', '-subj', `/CN=${name}`, ...key, ...files, ...more]
      await promisify(execFile)(openssl, args)
    }
    await make('authority')
    const signed = ['-CA', this.authority, '-CAkey', this.#path('authority-key.pem')]
    await make('server', ...signed, '-addext', 'subjectAltName=IP:127.0.0.1', '-addext', 'basicConstraints=CA:FALSE')
  }

  #file(subject: string): string {
    const files = ['cur', 'new'].flatMap((part) => {
      const folder = this.#path(`mail/robot/${part}`)
      return readdirSync(folder).map((name) => join(folder, name))
    })
    const file = files.find((path) => readFileSync(path, 'utf8').includes(`Subject: ${subject}\n`))
    if (file === undefined) throw new Error(`there is no mail ${subject}`)
    return file
  }

  #path(name: string): string {
    return join(this.#folder, name)
  }

  #greets(): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect(this.port, '127.0.0.1')
      const end = (said: boolean) => () => {
        socket.destroy()
        resolve(said)
      }
      socket.once('data', end(true)).once('error', end(false)).once('close', end(false))
    })
  }
}

function own(path: string): void {
  if (process.getuid?.() === 0) chownSync(path, MAIL.uid, MAIL.gid)
}
