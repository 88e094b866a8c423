import type { KeyId, RobotId, SecretHash, SocketId } from './ids.ts'

/** A connection, whoever is at the other end. */
export interface Socket {
  readonly id: SocketId
  /** The key that came with the upgrade request, if one did. */
  readonly credential: SecretHash | null
  /** The one robot that may register here, by the address; null: any. */
  readonly onlyRobot: RobotId | null
  /** The network that it comes from; null where nobody knows. */
  readonly network: string | null
  /** Whose it is once it has registered, and with which key; null in an open lab. */
  robot: RobotId | null
  key: KeyId | null
  /** Told to close. Whatever it still says is not listened to. */
  closing: boolean
}

/** A connection has been made. */
export interface SocketOpened {
  readonly type: 'socket.opened'
  readonly socket: SocketId
  readonly credential: SecretHash | null
  /** The one robot whose address this is; left out where the address does not say. */
  readonly robot?: RobotId | null
  /** The network that it comes from; left out where nobody knows. */
  readonly network?: string | null
}
