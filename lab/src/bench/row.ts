import { formatMarkdownTable } from '../markdown-table.ts';
/** One line of the bench: a measured value, its unit and its aim. */
export interface Row {
  readonly id: string;
  readonly what: string;
  /** Undefined if this machine cannot measure it; the note says why. */
  readonly value: number | undefined;
  readonly unit: string;
  readonly aim?: { readonly at: 'most' | 'least'; readonly value: number };
  /** Parts that the figure includes and leaves out. */
  readonly note?: string;
  /** Why the aim was missed. */
  readonly why?: string;
  /** A remedy to try. */
  readonly next?: string;
}

export function isMet({ value, aim }: Row): boolean | undefined {
  if (aim === undefined || value === undefined) return undefined;
  return aim.at === 'most' ? value <= aim.value : value >= aim.value;
}

/** @returns NaN for an empty list. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/**
 * Runs all measures in every round, each time starting with another one. A machine that slows down for a while, or after one
 * of the measures, then slows all of them alike.
 */
export async function measureInTurn<Name extends string, Sample>(
  rounds: number,
  measures: Readonly<Record<Name, (round: number) => Sample | Promise<Sample>>>,
): Promise<Readonly<Record<Name, readonly Sample[]>>> {
  const names = Object.keys(measures) as Name[];
  const samples = Object.fromEntries(names.map((name) => [name, [] as Sample[]])) as Record<Name, Sample[]>;
  for (let round = 0; round < rounds; round++) {
    for (let i = 0; i < names.length; i++) {
      const name = names[(round + i) % names.length] as Name;
      samples[name].push(await measures[name](round));
    }
  }
  return samples;
}

/** Median over the rounds of a / b, both measured in the same round. */
export function pairedRatio(as: readonly number[], bs: readonly number[]): number {
  return median(as.map((a, round) => a / (bs[round] as number)));
}

/** Median over the rounds of a - b, both measured in the same round. */
export function pairedDifference(as: readonly number[], bs: readonly number[]): number {
  return median(as.map((a, round) => a - (bs[round] as number)));
}

/** Three significant digits or more. */
export function formatValue(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  const digits = size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  return value.toFixed(digits);
}

const HEAD = ['what', 'measured', 'aim', '', 'note'];

/** A table in Markdown. */
export function formatRows(rows: readonly Row[]): string {
  return formatMarkdownTable(HEAD, rows.map(formatCells));
}

function formatCells(row: Row): string[] {
  const { what, value, unit, aim, note = '' } = row;
  const met = isMet(row);
  return [
    what,
    value === undefined ? 'not measured' : `${formatValue(value)} ${unit}`,
    aim === undefined ? '' : `${aim.at === 'most' ? '<=' : '>='} ${aim.value}`,
    met === undefined ? '' : met ? 'met' : 'MISSED',
    note,
  ];
}
