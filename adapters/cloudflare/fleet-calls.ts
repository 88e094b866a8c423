import type { RobotSocket } from '../fleet/robot-socket.ts'

/** What the Worker and other objects ask of the object of a fleet, besides its requests. `FleetObject` says what each does. */
export interface FleetCalls extends Rpc.DurableObjectBranded {
  isToBeCutOff(id: RobotSocket['id']): Promise<boolean>
  takesMail(address: string): boolean
  mailReceived(address: string, json: string): Promise<'done' | 'later'>
  hasFleet(name: string): Promise<boolean>
  create(): Promise<string | null>
}
