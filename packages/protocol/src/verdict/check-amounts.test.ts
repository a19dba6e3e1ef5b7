import { expect, it } from 'vitest';
import { splitAmounts, writeAmounts } from './check-amounts.ts';

it.each([
  ['1200 atomic units for 3 + 4 tokens', [1200n, ' for 3 + 4 tokens']],
  ['accept: about this record, for 1200 atomic units', ['accept: about this record, for ', 1200n]],
  [
    'accept, fee 1200: entry 3 of 0x12, batch 4, block 5',
    ['accept, fee ', 1200n, ': entry 3 of 0x12, batch 4, block 5'],
  ],
  ['a fee of 12, the order allows 34', ['a fee of ', 12n, ', the order allows ', 34n]],
  ['stake 12 of 34 signed', ['stake ', 12n, ' of ', 34n, ' signed']],
  ['signed by 12 of 34 votes: no quorum', ['signed by ', 12n, ' of ', 34n, ' votes: no quorum']],
  ['12 tokens at 1764320000000 ms', ['12 tokens at 1764320000000 ms']],
])('finds the amounts of %j', (detail, parts) => expect(splitAmounts(detail)).toEqual(parts));

it('writes the amounts of a sentence in tokens, and nothing else', () => {
  expect(writeAmounts('28000000000001 atomic units for 18 + 10 tokens', 'OGONG')).toBe(
    '0.000028 OGONG for 18 + 10 tokens',
  );
  expect(writeAmounts('certificate of epoch 9, order of epoch 10', 'OGONG')).toBe(
    'certificate of epoch 9, order of epoch 10',
  );
});
