import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readBackwards } from './ledger-history.ts';

describe('events read backwards', () => {
  it('come in the order of the chain, from ranges that are small enough and leave no block out', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.bigInt(0n, 20n),
        fc.bigInt(0n, 60n),
        fc.bigInt(1n, 25n),
        async (first, more, blocksPerRead) => {
          const last = first + more;
          const read = await readBackwards(
            { first, last, blocksPerRead },
            async ({ fromBlock, toBlock }) => {
              expect(toBlock - fromBlock).toBeLessThan(blocksPerRead);
              return Array.from({ length: Number(toBlock - fromBlock) + 1 }, (_, i) => fromBlock + BigInt(i));
            },
            () => false,
          );
          expect(read).toEqual(Array.from({ length: Number(more) + 1 }, (_, i) => first + BigInt(i)));
        },
      ),
      { numRuns: 100 },
    );
  });

  it('stop if enough is found', async () => {
    const starts: bigint[] = [];
    const found = await readBackwards(
      { first: 0n, last: 99n, blocksPerRead: 10n },
      async ({ fromBlock }) => {
        starts.push(fromBlock);
        return fromBlock === 70n ? ['event'] : [];
      },
      (events) => events.length > 0,
    );
    expect(found).toEqual(['event']);
    expect(starts).toEqual([90n, 80n, 70n]);
  });
});
