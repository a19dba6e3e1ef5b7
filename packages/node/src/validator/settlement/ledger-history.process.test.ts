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
    // Fewer blocks in a read than lie between two changes.
    const history = createLedgerHistory({ client: async () => governor }, { blocksPerRead: 2n });
    const { limits } = await governor.parameters();
    const rpc = governor.transactor.client;
    const setAlpha = async (alpha: number): Promise<number> => {
      // A block's time has seconds: an hour passes, so that each change has its own.
      await rpc.request({ method: 'evm_increaseTime', params: ['0xe10'] } as never);
      const { blockHash } = await governor.setLimits({ ...limits, alpha });
      return Number((await rpc.getBlock({ blockHash })).timestamp) * 1_000;
    };
    const raisedMs = await setAlpha(500_000);
    expect(await history.findLeastAlpha(0)).toBe(100_000);
    expect(await history.findLeastAlpha(raisedMs - 1)).toBe(100_000);
    expect(await history.findLeastAlpha(raisedMs)).toBe(500_000);
    expect(await history.findLeastAlpha(raisedMs + 3_600_000)).toBe(500_000);
    const loweredMs = await setAlpha(200_000);
    expect(await history.findLeastAlpha(raisedMs)).toBe(200_000);
    const lastMs = await setAlpha(900_000);
    expect(await history.findLeastAlpha(loweredMs)).toBe(200_000);
    expect(await history.findLeastAlpha(lastMs - 1)).toBe(200_000);
    expect(await history.findLeastAlpha(lastMs)).toBe(900_000);
  });

  it('finds nothing where nothing settled, or the logs are gone', async () => {
    const { governor } = ledger;
    const validator = new Uint8Array(20).fill(1);
    expect(await createLedgerHistory({ client: async () => governor }).findSettled(validator, 1n)).toBeUndefined();
    const rpc = governor.transactor.client;
    await rpc.request({ method: 'evm_mine' } as never);
    const block = Number(await rpc.getBlockNumber());
    const pruned = { ...governor, deployment: { ...governor.deployment, block } };
    expect(await createLedgerHistory({ client: async () => pruned }).findLeastAlpha(0)).toBeUndefined();
  });
});
