import type { KeyId, RobotId, SecretHash, SocketId } from './ids.ts'

/** A connection, whoever is at the other end. */
export interface Socket {
  readonly id: SocketId
  /** The key that came with the upgrade request, if one did. */
  readonly credential: SecretHash | null
  /** Whose it is once it has registered, and with which key; null in an open lab. */
  robot: RobotId | null
  key: KeyId | null
  /** Told to close. Whatever it still says is not listened to. */
  closing: boolean
}
