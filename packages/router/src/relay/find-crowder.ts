/**
 * Finds the holder of a place that gives way to a newcomer: the newest one of the address with most places. An address with no more places
 * than the newcomer's would then have loses none, so the last places are shared equally by addresses.
 * @param group address of the newcomer.
 * @returns undefined if nobody gives way.
 */
export function findCrowder<T extends { readonly group: string }>(holders: readonly T[], group: string): T | undefined {
  const sizes = new Map<string, number>();
  for (const holder of holders) sizes.set(holder.group, (sizes.get(holder.group) ?? 0) + 1);
  const most = Math.max(0, ...sizes.values());
  if (most <= (sizes.get(group) ?? 0) + 1) return undefined;
  return holders.findLast((holder) => sizes.get(holder.group) === most);
}
