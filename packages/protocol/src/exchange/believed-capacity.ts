/** The fewest other callers whose refusals count. Fewer could all be one stranger. */
const LEAST_CALLERS = 3;

/**
 * Computes the slots of a provider that a router believes in: half as many for each refusal in a row. Refusals of the caller
 * itself count in full. For other callers the lower median counts. Missing callers, up to three, count as never refused. So a
 * minority cannot make a provider look busy.
 * @param own refusals in a row that the caller got.
 * @param others the same for each other caller.
 */
export function computeBelievedCapacity(
  capacity: number,
  { own, others }: { readonly own: number; readonly others: readonly number[] },
): number {
  const missing = Math.max(0, LEAST_CALLERS - 1 - others.length);
  const sorted = [...others, ...new Array<number>(missing).fill(0)].sort((a, b) => a - b);
  const median = sorted[Math.floor((sorted.length - 1) / 2)] as number;
  return Math.floor(capacity / 2 ** Math.max(own, median));
}
