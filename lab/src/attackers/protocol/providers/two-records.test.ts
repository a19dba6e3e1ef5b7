import { describe, expect, it } from 'vitest';
import { createBreaks } from '../breaks.ts';
import { twoRecords } from './two-records.ts';

describe('a provider that shows its validator another reply than its consumer', () => {
  it.each([
    ['before the provider', false],
    ['before the provider', true],
    ['after the provider', false],
    ['after the provider', true],
  ] as const)(
    'is paid nothing and ejected where its consumer acknowledges %s (restart: %s)',
    async (acknowledges, isRestarted) => {
      const breaks = createBreaks();
      expect(await twoRecords.play({ acknowledges }, isRestarted ? breaks : undefined)).toEqual({
        entry: { verdict: 'reject', evidence: 'exact', ejects: true, feeAtomic: 0n },
        isServing: false,
      });
      breaks.end();
    },
  );

  it('is paid in full for what nobody read where its consumer says nothing', async () => {
    expect(await twoRecords.play({ acknowledges: 'never' })).toEqual({
      entry: { verdict: 'accept', evidence: 'exact', ejects: false, feeAtomic: 86_000n },
      isServing: true,
    });
  });
});
