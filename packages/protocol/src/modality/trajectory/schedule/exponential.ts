const TERMS = 20;
const HALVINGS = 6;

/**
 * Computes e to a power by + * / of doubles alone, so every implementation gets the same bits. `Math.exp` may differ by an implementation.
 * The power is halved 6 times, the series of e^x summed by Horner's rule, and the result squared 6 times.
 * @param power between -8 and 8.
 */
export function exponential(power: number): number {
  const reduced = power / 2 ** HALVINGS;
  let sum = 1;
  for (let k = TERMS; k >= 1; k--) sum = 1 + (sum * reduced) / k;
  for (let i = 0; i < HALVINGS; i++) sum *= sum;
  return sum;
}
