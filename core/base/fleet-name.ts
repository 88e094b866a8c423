/** True if a fleet may have this name. Names are used in paths, file names, and names of Durable Objects. */
export function isFleetName(text: string): boolean {
  return /^[a-z0-9][a-z0-9-]{0,62}$/.test(text)
}
