/**
 * How much work something is, in milliseconds that this process was busy with it. Time on the clock is longer on a machine
 * that has other things to do as well; this is not.
 */
export async function workOf(run: () => unknown): Promise<number> {
  const before = process.cpuUsage()
  await run()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1_000
}
