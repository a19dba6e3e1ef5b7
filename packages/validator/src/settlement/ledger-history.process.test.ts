import { startTestLedger, type TestLedger } from '@ogong/testing/chain/test-ledger';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLedgerHistory } from './ledger-history.ts';

describe('the history of a ledger', () => {
  let ledger: TestLedger;
  beforeAll(async () => {
    ledger = await startTestLedger({ limits: { alpha: 100_000 } });
  });
  afterAll(() => ledger?.stop());

  it('knows the lowest coverage since a time', async () => {
    const { governor } = ledger;
    const { limits } = await governor.parameters();
    const rpc = governor.transactor.client;
    const setAlpha = async (alpha: number): Promise<number> => {
      // A block's time has seconds: an hour passes, so that each change has its own.
      await rpc.request({ method: 'evm_increaseTime', params: ['0xe10'] } as never);
      const { blockHash } = await governor.setLimits({ ...limits, alpha });
      return Number((await rpc.getBlock({ blockHash })).timestamp) * 1_000;
    };
    const find = async (sinceMs: number) => (await governor.coverageSince(sinceMs)).leastPpm;
    const raisedMs = await setAlpha(500_000);
    expect(await find(-1)).toBe(100_000);
    expect(await find(raisedMs - 1)).toBe(100_000);
    expect(await find(raisedMs)).toBe(500_000);
    expect(await find(raisedMs + 3_600_000)).toBe(500_000);
    const loweredMs = await setAlpha(200_000);
    expect(await find(raisedMs)).toBe(200_000);
    const lastMs = await setAlpha(900_000);
    expect(await find(loweredMs)).toBe(200_000);
    expect(await find(lastMs - 1)).toBe(200_000);
    expect(await find(lastMs)).toBe(900_000);
    expect((await governor.coverageSince(0)).asOfMs).toBeGreaterThanOrEqual(lastMs);
  });

  it('finds nothing if nothing settled', async () => {
    const { governor } = ledger;
    const validator = new Uint8Array(20).fill(1);
    expect(await createLedgerHistory({ client: async () => governor }).findSettled(validator, 1n)).toBeUndefined();
  });
});
