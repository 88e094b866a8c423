/**
 * Names for what must not be confused. The casts that make these types stand in `protocol/decode.ts`, in the
 * store's row decoding and in tests; everything else trusts the type.
 */

declare const brand: unique symbol
/** Tells one kind of text from another. */
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
/** Where we tell others what happens: an outgoing webhook. What comes in from outside is a trigger. */
export type WebhookId = Id<'webhook'>
/** One thing told to one webhook. It is the `webhook-id` of the request, the same each time it is tried. */
export type DeliveryId = Id<'delivery'>
/** One open WebSocket. A new connection of the same robot is a new socket. */
export type SocketId = Id<'socket'>
/** Where the answer to one request goes. The shell makes it and waits on it. */
export type ReplyId = Id<'reply'>
/** SHA-256 of a workflow definition's text, lower-case hexadecimal. Definitions are stored by it. */
export type DefinitionHash = Id<'definition'>
/** SHA-256 of an API key or a webhook secret, lower-case hexadecimal. The core never sees the secret itself. */
export type SecretHash = Id<'secret'>

/** An instant, in milliseconds since 1970-01-01T00:00Z, on the server's clamped clock. */
export type Millis = number

/** JSON as text that has been checked to parse. Kept as text, because the core never looks inside. */
export type JsonText = Id<'json'>
