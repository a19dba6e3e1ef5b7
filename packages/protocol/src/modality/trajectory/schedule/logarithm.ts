const LN_2 = Math.LN2;
const TERMS = 30;

/**
 * Computes the natural logarithm by + - * / of doubles alone, so every implementation gets the same bits. `Math.log` may differ by an
 * implementation. The value is halved or doubled into [2/3, 4/3), then ln(x) = 2 * atanh((x - 1) / (x + 1)).
 * @param value above 0 and finite.
 */
export function logarithm(value: number): number {
  let reduced = value;
  let halvings = 0;
  while (reduced >= 4 / 3) {
    reduced /= 2;
    halvings++;
  }
  while (reduced < 2 / 3) {
    reduced *= 2;
    halvings--;
  }
  const ratio = (reduced - 1) / (reduced + 1);
  const square = ratio * ratio;
  let sum = 0;
  for (let k = TERMS - 1; k >= 0; k--) sum = sum * square + 1 / (2 * k + 1);
  return 2 * ratio * sum + halvings * LN_2;
}
