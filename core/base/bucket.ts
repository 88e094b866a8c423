import type { Millis } from './ids.ts'

/** What somebody has used up of an amount that runs out at a steady rate: how much there was, and when. */
export interface Bucket {
  level: number
  at: Millis
}

/** An empty bucket. */
export function newBucket(now: Millis): Bucket {
  return { level: 0, at: now }
}

/** What is left in a bucket by now, after what has run out of it at so much a minute. */
export function bucketLevel(bucket: Bucket, perMinute: number, now: Millis): number {
  bucket.level = Math.max(0, bucket.level - (now - bucket.at) * perMinute / 60_000)
  bucket.at = now
  return bucket.level
}

/** Whether so much fits into what a minute has room for. Nothing changes but that what has run out is gone. */
export function fitsBucket(bucket: Bucket, amount: number, perMinute: number, now: Millis): boolean {
  return bucketLevel(bucket, perMinute, now) + amount <= perMinute
}
