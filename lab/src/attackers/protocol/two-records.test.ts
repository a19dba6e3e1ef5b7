import { describe, expect, it } from 'vitest';
import { type TwoRecordsNetwork, twoRecords } from './two-records.ts';

describe('a provider that shows its validator another reply than its consumer', () => {
  it.each<TwoRecordsNetwork>([
    { acknowledges: 'before the provider', restarts: false },
    { acknowledges: 'before the provider', restarts: true },
    { acknowledges: 'after the provider', restarts: false },
    { acknowledges: 'after the provider', restarts: true },
  ])(
    'is paid nothing and ejected where its consumer acknowledges $acknowledges (restart: $restarts)',
    async (given) => {
      expect(await twoRecords.play(given)).toEqual({
        entry: { verdict: 'reject', evidence: 'exact', ejects: true, feeAtomic: 0n },
        isServing: false,
      });
    },
  );

  it('is paid in full for what nobody read where its consumer says nothing', async () => {
    expect(await twoRecords.play({ acknowledges: 'never', restarts: false })).toEqual({
      entry: { verdict: 'accept', evidence: 'exact', ejects: false, feeAtomic: 86_000n },
      isServing: true,
    });
  });
});
