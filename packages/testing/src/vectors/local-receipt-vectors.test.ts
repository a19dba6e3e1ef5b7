import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createLocalReceiptVectors, judgeLocalReceipt } from './local-receipt-vectors.ts';

const file = new URL('../../../protocol/vectors/local-receipt.json', import.meta.url);
const cases = JSON.parse(readFileSync(file, 'utf8')) as Awaited<ReturnType<typeof createLocalReceiptVectors>>;

describe('vectors of local receipts', () => {
  it('equal those of the code', async () => {
    expect(cases).toEqual(await createLocalReceiptVectors());
  });

  it.each(cases)('check $what', ({ checks, ...given }) => {
    expect(judgeLocalReceipt(given)).toEqual(checks);
  });

  it('refute every changed file by at least one check', () => {
    const [byNonce, bySeed, ...changed] = cases.map(({ checks }) => checks.filter(({ status }) => status === 'fail'));
    expect([byNonce, bySeed]).toEqual([[], []]);
    for (const failed of changed) expect(failed).not.toEqual([]);
  });
});
