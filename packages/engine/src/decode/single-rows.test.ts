import { expect, it } from 'vitest';
import { createSingleRows } from './single-rows.ts';

/** Outputs of passes that each give a row of their own token. */
function openFake() {
  let token = 0;
  const seen: number[] = [];
  const outputs = {
    logits: () => Float32Array.of(token, -token, Number.NaN),
    hidden: () => Float32Array.of(10 * token),
  };
  const runRow = (row: number) => {
    token = row;
    seen.push(row);
  };
  return { seen, outputs, runRow };
}

it('runs each row in a pass of its own, and gives the outputs of all, as often as asked', () => {
  const { seen, outputs, runRow } = openFake();
  const rows = createSingleRows(outputs, { logits: 2, hidden: 1 });
  for (const tokens of [
    [1, 2],
    [5, 3, 4],
    [7, 6],
  ]) {
    rows.run(tokens, runRow);
    const count = tokens.length;
    expect([...rows.logits().subarray(0, 2 * count)]).toEqual(tokens.flatMap((token) => [token, -token]));
    expect([...rows.hidden().subarray(0, count)]).toEqual(tokens.map((token) => 10 * token));
  }
  expect(seen).toEqual([1, 2, 5, 3, 4, 7, 6]);
});

it('copies nothing of a lone row', () => {
  const { outputs, runRow } = openFake();
  const rows = createSingleRows(outputs, { logits: 2, hidden: 1 });
  rows.run([1, 2], runRow);
  rows.run([9], runRow);
  // The third value lies behind the row: a copy would not have it.
  expect([...rows.logits()]).toEqual([9, -9, Number.NaN]);
});
