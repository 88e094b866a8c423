import type { RobotSocket } from '../fleet/robot-socket.ts'

/**
 * The calls that the Worker and other objects make to a fleet's object, besides requests. `FleetObject` documents each.
 */
export interface FleetCalls extends Rpc.DurableObjectBranded {
  isToBeCutOff(id: RobotSocket['id']): Promise<boolean>
  takesMail(address: string): boolean
  mailReceived(address: string, json: string): Promise<'done' | 'later'>
  hasFleet(name: string): Promise<boolean>
  create(): Promise<string | null>
}
