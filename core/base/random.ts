/** A source of numbers in [0, 1). The same seed gives the same numbers. */
export type Rng = () => number

/**
 * The sfc32 generator: small, fast, and good enough for jitter and for choosing among equals. Never use it for secrets.
 */
export function rng(seed: number): Rng {
  let a = seed | 0
  let b = (seed ^ 0x9e3779b9) | 0
  let c = (seed ^ 0x85ebca6b) | 0
  let counter = 1
  const next = (): number => {
    const t = (((a + b) | 0) + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (c << 21) | (c >>> 11)
    c = (c + t) | 0
    return (t >>> 0) / 4_294_967_296
  }
  for (let i = 0; i < 12; i++) next()
  return next
}
