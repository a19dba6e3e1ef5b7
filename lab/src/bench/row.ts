/** One line of the bench: what was measured, in which unit, and what it aims at. */
export interface Row {
  readonly id: string;
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  readonly aim?: { readonly at: 'most' | 'least'; readonly value: number };
  /** Why, where the aim is missed; or what the figure leaves out. */
  readonly note?: string;
}

export function isMet({ value, aim }: Row): boolean | undefined {
  if (aim === undefined) return undefined;
  return aim.at === 'most' ? value <= aim.value : value >= aim.value;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/**
 * Runs both in turn, so that a machine that slows down slows both, and returns the median of the pairwise ratios a/b.
 * @param measure returns a rate or a time.
 */
export async function pairedRatio(
  rounds: number,
  a: () => number | Promise<number>,
  b: () => number | Promise<number>,
): Promise<{ ratio: number; a: number; b: number }> {
  const as: number[] = [];
  const bs: number[] = [];
  for (let i = 0; i < rounds; i++) {
    as.push(await a());
    bs.push(await b());
  }
  return { ratio: median(as.map((value, i) => value / (bs[i] as number))), a: median(as), b: median(bs) };
}

export function formatValue(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : Math.abs(value) >= 1 ? 2 : 3;
  return value.toFixed(digits);
}

export function formatTable(rows: readonly Row[]): string {
  const aim = (row: Row): string =>
    row.aim === undefined ? '' : `${row.aim.at === 'most' ? '<=' : '>='} ${row.aim.value}`;
  const mark = (row: Row): string => ({ true: 'met', false: 'MISSED', undefined: '' })[String(isMet(row)) as 'true'];
  const cells = rows.map((row) => [
    row.what,
    `${formatValue(row.value)} ${row.unit}`,
    aim(row),
    mark(row),
    row.note ?? '',
  ]);
  const head = ['what', 'measured', 'aim', '', 'note'];
  return [head, head.map(() => '---'), ...cells].map((line) => `| ${line.join(' | ')} |`).join('\n');
}
