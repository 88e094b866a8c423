/**
 * `casare-orchestrator/core`: what a shell of one's own needs. State is begun by `load`, an event is one `step`, and what
 * is owed to the world stands in the turn's effects. `adapters/pump.ts` in the repository is the loop around it.
 */

export { authorize } from './access.ts'
export { Bug } from './assert.ts'
export { newEffects, NOTHING_FOUND, Receipt } from './effects.ts'
export type { Answer, Close, Effects, Found, Need, Rows, Send, Turn } from './effects.ts'
export type { Event } from './event.ts'
export { explain } from './explain.ts'
export type { Blocker, Explanation, ReasonCode, Verdict } from './explain.ts'
export type { JobId, JsonText, KeyId, Millis, ReplyId, RobotId, SocketId, TriggerId, WorkflowId } from './ids.ts'
export { after, isLive, JOB_LIFE, JOB_STATUSES } from './job.ts'
export type { HistoryRow, JobRow, JobStatus, JobVerb, LogRow } from './job.ts'
export { nextAlarm } from './lapse.ts'
export { DEFAULTS, TURN_EVENTS_MAX } from './limits.ts'
export type { Settings } from './limits.ts'
export { load } from './load.ts'
export { presence } from './presence.ts'
export { fromOrchestrator, fromRobot, isUndecodable } from './protocol/decode.ts'
export { encode } from './protocol/encode.ts'
export type { Message, OrchestratorMessage, Outgoing, RobotMessage } from './protocol/message.ts'
export { isRefusal, REFUSALS } from './protocol/refusal.ts'
export type { Refusal, RefusalCode } from './protocol/refusal.ts'
export type { Hot, KeyRow, PoolRow, RobotRow, Scope, State, TriggerRow, WorkflowRow } from './state.ts'
export { dispatcherStats, queueStats } from './stats.ts'
export { needs, step } from './step.ts'
