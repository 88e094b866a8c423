/**
 * Branded types for ids, so that they cannot be confused. Only `protocol/decode.ts`, the row decoding of stores and
 * tests cast to these types.
 */

declare const brand: unique symbol
/** Distinguishes one kind of text from another for the compiler. */
export interface Brand<K extends string> {
  readonly [brand]: K
}
type Id<K extends string> = string & Brand<K>
/** Any of the names below. */
export type AnyId = Id<string>

export type JobId = Id<'job'>
export type RobotId = Id<'robot'>
export type WorkflowId = Id<'workflow'>
export type TriggerId = Id<'trigger'>
export type ScheduleId = Id<'schedule'>
export type KeyId = Id<'key'>
/** An outgoing webhook, which reports events to others. Incoming ones are triggers. */
export type WebhookId = Id<'webhook'>
/** A delivery of one event to one webhook. It is the `webhook-id` of the request, the same for each try. */
export type DeliveryId = Id<'delivery'>
/** One open WebSocket. A new connection of the same robot is a new socket. */
export type SocketId = Id<'socket'>
/** The destination of the answer to one request. The shell creates it and waits for the answer. */
export type ReplyId = Id<'reply'>
/** SHA-256 of a workflow definition's text, lower-case hexadecimal. Definitions are stored by it. */
export type DefinitionHash = Id<'definition'>
/** SHA-256 of an API key or a webhook secret, lower-case hexadecimal. The core never sees the secret itself. */
export type SecretHash = Id<'secret'>

/** An instant in milliseconds since 1970-01-01T00:00Z, on the server's clamped clock. */
export type Millis = number

/** Text that is known to be JSON. It stays text, because the core never looks inside. */
export type JsonText = Id<'json'>
