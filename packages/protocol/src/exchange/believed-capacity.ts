/** With fewer callers than this, what the others of them say may be one stranger's word. */
const LEAST_CALLERS = 3;

/**
 * How many of the slots that a provider announces a router believes in: half as many for each refusal in a row. What the caller itself
 * was refused counts in full. Of what other callers were, the lower median counts, where those that are missing to three were refused
 * nothing: a minority of them cannot make a provider look busy.
 * @param own refusals in a row that the caller got. @param others the same of each other caller.
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
