import { createHash, randomUUID } from 'node:crypto'
import { renameSync, rmSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

/** The longest path of a socket that every system allows. */
const SOCKET_BYTES_MAX = 100

/**
 * Locks a file for this process until the returned function is called or the process ends, in whatever way. Returns
 * null if another process holds the lock, and throws if the system does not allow it. A listening socket is the lock:
 * the operating system closes it with the process. So after `kill -9` nothing answers there, while a stopped process
 * still holds it. A process id in a file would show neither.
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

/**
 * Listens at the path, or resolves with null if something is there already. The server does not keep the process alive.
 */
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

/** Removes a socket that has no listener. Another process may do the same, and listen there before we are through. */
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
