import { describe, expect, it } from 'vitest';
import { createSyntheticResults } from '../synthetic-results.ts';
import { formatAttacksCsv, formatHonestCsv } from './results-csv.ts';

/** Parses RFC 4180, as a spreadsheet does. */
function parseCsv(text: string): Record<string, string>[] {
  const cells = [...text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\n]*))(,|\n)/g)];
  const lines: string[][] = [[]];
  for (const [, quoted, plain, end] of cells) {
    lines.at(-1)?.push(quoted === undefined ? (plain ?? '') : quoted.replaceAll('""', '"'));
    if (end === '\n') lines.push([]);
  }
  const [head = [], ...body] = lines.slice(0, -1);
  for (const line of body) expect(line).toHaveLength(head.length);
  return body.map((line) => Object.fromEntries(head.map((name, i) => [name, line[i] ?? ''])));
}

const { attacks, honest } = createSyntheticResults();

describe('attacks.csv', () => {
  it('holds the measurements of every row', () => {
    const rows = parseCsv(formatAttacksCsv(attacks));
    expect(rows).toHaveLength(attacks.length);
    for (const [i, row] of rows.entries()) {
      const attack = attacks[i] as (typeof attacks)[number];
      expect(row.attack).toBe(attack.attack);
      expect(Number(row['window_caught_1e-4'])).toBe(attack.perWindow[1]?.caught.value);
      expect(row['window_fit_1e-4']).toBe('true');
      expect(row.tokens_to_decide_median).toBe(String(attack.tokensToDecide?.median ?? ''));
    }
  });

  it('quotes values that would break a line', () => {
    const [row] = attacks;
    if (!row) throw new Error('no attack');
    const names = ['a, b', 'say "so"', 'two\nlines', 'plain'];
    const rows = parseCsv(formatAttacksCsv(names.map((attack) => ({ ...row, attack }))));
    expect(rows.map(({ attack }) => attack)).toEqual(names);
  });

  it('has a column for a rate that only some rows have', () => {
    const [row] = attacks;
    if (!row) throw new Error('no attack');
    const rows = parseCsv(formatAttacksCsv([{ ...row, perWindow: [] }, row]));
    expect(rows.map((each) => each['window_caught_1e-3'] === '')).toEqual([true, false]);
  });
});

it('honest.csv holds the measurements of every pair', () => {
  const rows = parseCsv(formatHonestCsv(honest));
  expect(rows.map(({ provider, verifier }) => [provider, verifier])).toEqual(
    honest.map(({ provider, verifier }) => [provider, verifier]),
  );
  expect(rows.map((row) => Number(row.sketch_p99_high))).toEqual(honest.map(({ scores }) => scores.sketch.p99High));
});
