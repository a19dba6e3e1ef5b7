import { parseEndorsement } from '@ogong/protocol/exchange/verifier-endorsement';
import { createTestHybrid } from '@ogong/testing/validator/test-keys';
import { expect, it } from 'vitest';
import { createEndorsements } from './endorsements.ts';

const EXACT = 'llama.cpp-0.5.0/cpu/haswell/exact/q8_0/kv-f16';
const root = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const engine = (byte: number, numericClass: string, exact: boolean) => ({
  info: () => ({ modelRoot: root(byte), numericClass, exact }),
});

it('names each model once, and an exact class only where its engine repeats replies of it', () => {
  let nowMs = 1_750_000_000_000;
  const engines = [engine(3, EXACT, false), engine(1, EXACT, true), engine(2, 'x', false), engine(1, 'y', false)];
  const find = createEndorsements([root(9)], {
    clock: { nowMs: () => nowMs },
    signer: createTestHybrid('verifier'),
    listEngines: () => engines,
  });
  expect(find(root(8))).toBeUndefined();
  const first = find(root(9));
  expect(parseEndorsement(first?.word ?? new Uint8Array())).toEqual({
    providerId: root(9),
    validUntilMs: nowMs + 7 * 86_400_000,
    classes: [
      { modelRoot: root(1), numericClass: EXACT },
      { modelRoot: root(2), numericClass: 'x' },
      { modelRoot: root(3), numericClass: '' },
    ],
  });
  // Anybody may ask, so it is not signed for each question.
  expect(find(root(9))).toBe(first);
  nowMs += 86_400_000;
  const second = find(root(9));
  expect(second).not.toBe(first);
  engines.pop();
  expect(find(root(9))).toBe(second);
  engines.push(engine(7, 'z', false));
  const classes = parseEndorsement(find(root(9))?.word ?? new Uint8Array()).classes;
  expect(classes.map(({ modelRoot }) => modelRoot[0])).toEqual([1, 2, 3, 7]);
});
