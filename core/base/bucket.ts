import type { Millis } from './ids.ts'

/** A leaky bucket: a level, and the instant at which it was computed. It drains at a steady rate. */
export interface Bucket {
  level: number
  at: Millis
}

/** An empty bucket. */
export function newBucket(now: Millis): Bucket {
  return { level: 0, at: now }
}

/** The present level of a bucket that drains at `perMinute`. */
export function bucketLevel(bucket: Bucket, perMinute: number, now: Millis): number {
  bucket.level = Math.max(0, bucket.level - (now - bucket.at) * perMinute / 60_000)
  bucket.at = now
  return bucket.level
}

/** True if the amount fits below `perMinute`. Only drains the bucket. */
export function fitsBucket(bucket: Bucket, amount: number, perMinute: number, now: Millis): boolean {
  return bucketLevel(bucket, perMinute, now) + amount <= perMinute
}
