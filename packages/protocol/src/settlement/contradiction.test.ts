import { expect, it } from 'vitest';
import { findContradiction, type SignedStatement, STATEMENT_MEMBERS, type StatementKind } from './contradiction.ts';

/** Creates a statement. @param changed index of the member that differs. */
function say(kind: StatementKind, changed?: number, accused = 1): SignedStatement {
  const members = new Uint8Array(32 * STATEMENT_MEMBERS[kind]);
  if (changed !== undefined) members.fill(7, 32 * changed, 32 * changed + 32);
  const fill = (size: number, value: number) => new Uint8Array(size).fill(value);
  return { kind, accused: fill(20, accused), members, signature: fill(65, 1), timesMs: [1_000] };
}

it.each([
  ['admission', [2, 3]],
  ['intake', [2]],
  ['log', [2]],
  ['allotment', [1, 2, 3]],
] as const)('of kind %s contradict each other exactly when the contract says so', (kind, said) => {
  const first = say(kind);
  for (let changed = 0; changed < STATEMENT_MEMBERS[kind]; changed++) {
    const second = say(kind, changed);
    const found = findContradiction([first, say(kind), second]);
    expect(found, `word ${changed}`).toEqual(
      (said as readonly number[]).includes(changed) ? [first, second] : undefined,
    );
  }
});

it('statements of two accounts, or of two kinds, do not contradict each other', () => {
  expect(findContradiction([say('intake'), say('intake', 2, 2), say('admission', 2)])).toBeUndefined();
});
