import { createHash, randomUUID } from 'node:crypto'
import { renameSync, rmSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

/** The longest path that a socket can have on every system. */
const SOCKET_BYTES_MAX = 100

/**
 * Makes a file this process's own, until what is returned is called or the process ends, however it ends. Null where
 * another process has it. Throws where the system does not allow it.
 *
 * A socket that listens is the sign: the operating system closes it with the process, so what `kill -9` leaves behind
 * answers nobody, while a process that stands still goes on being there. A process id in a file would say neither.
 */
export async function lockFile(file: string): Promise<(() => void) | null> {
  const path = socketOf(resolve(file))
  for (let tries = 0; tries < 3; tries++) {
    const server = await listening(path)
    if (server !== null) return () => leave(server, path)
    if (await answers(path)) return null
    await removeDead(path)
  }
  return null
}

function socketOf(file: string): string {
  const hash = createHash('sha256').update(file).digest('hex').slice(0, 16)
  if (process.platform === 'win32') return `\\\\.\\pipe\\casare-robot-${hash}`
  const beside = `${file}.lock`
  return Buffer.byteLength(beside) <= SOCKET_BYTES_MAX ? beside : join(tmpdir(), `casare-robot-${hash}.lock`)
}

/** A server at the path, or null where something is in its place. It does not keep the process alive. */
function listening(path: string): Promise<Server | null> {
  return new Promise((settle, reject) => {
    const server = createServer((socket) => socket.destroy())
    server.once('error', (error: NodeJS.ErrnoException) => error.code === 'EADDRINUSE' ? settle(null) : reject(error))
    server.listen(path, () => settle(server.unref()))
  })
}

function answers(path: string): Promise<boolean> {
  return new Promise((settle) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      settle(true)
    })
    socket.once('error', () => settle(false))
  })
}

/** Removes a socket that nobody listens at. Another process may do the same, and listen there before we are through. */
async function removeDead(path: string): Promise<void> {
  const aside = `${path}.${randomUUID().slice(0, 8)}`
  try {
    renameSync(path, aside)
  } catch {
    return
  }
  if (await answers(aside)) renameSync(aside, path)
  else rmSync(aside, { force: true })
}

function leave(server: Server, path: string): void {
  server.close()
  if (process.platform !== 'win32') rmSync(path, { force: true })
}
