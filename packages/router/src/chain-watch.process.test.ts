import type { Hex } from '@ogong/chain/hex';
import { openStore } from '@ogong/host/store/store';
import { fromHex } from '@ogong/protocol/base/bytes';
import { startTestLedger, type TestLedger } from '@ogong/testing/chain/test-ledger';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createEjectionWatch } from './chain-watch.ts';
import { loadHistory, ROUTER_SCHEMA } from './router-store.ts';

const hash = (byte: string): Hex => `0x${byte.repeat(32)}`;
const idOf = (byte: string): Uint8Array => fromHex(byte.repeat(32));

let ledger: TestLedger;
beforeAll(async () => {
  ledger = await startTestLedger({ delays: { appeal: 3_600 } });
});
afterAll(() => ledger.stop());

describe('the chain, as a router sees it', () => {
  async function eject(validator: Awaited<ReturnType<TestLedger['createValidator']>>, byte: string): Promise<void> {
    const call = await ledger.signBatch(
      {
        batch: {
          validator: validator.address,
          sequence: await validator.client.nextSequence(validator.address),
          logHead: hash('aa'),
          logLength: 1n,
          recordsRoot: hash('bb'),
          replies: 1,
        },
        debits: [],
        lines: [],
        ejections: [hash(byte)],
        tallies: [],
      },
      [validator.privateKey],
    );
    await validator.client.settle(call);
  }

  it('follows ejections and reinstatements, from where it stood when it stopped', async () => {
    const store = openStore(':memory:', { schema: ROUTER_SCHEMA });
    const isEjected = (byte: string): boolean => loadHistory(store, idOf(byte), 0).ejected;
    const watch = () => {
      const errors: unknown[] = [];
      const created = createEjectionWatch(
        { pollIntervalMs: 20 },
        { store, client: async () => ledger.governor, onError: (error) => errors.push(error) },
      );
      created.start();
      return { ...created, errors };
    };
    const validator = await ledger.createValidator();
    const first = watch();
    await eject(validator, 'cc');
    await expect.poll(() => isEjected('cc')).toBe(true);
    await first.stop();
    expect(first.errors).toEqual([]);
    await eject(validator, 'dd');
    expect(isEjected('dd')).toBe(false);
    const second = watch();
    await expect.poll(() => isEjected('dd')).toBe(true);
    expect(isEjected('ee')).toBe(false);
    expect(await ledger.governor.ejectionOf(hash('dd'))).toMatchObject({ count: 1 });
    await validator.client.reinstate(hash('dd'), [await ledger.signReinstatement(hash('dd'), 1, validator.privateKey)]);
    await expect.poll(() => isEjected('dd')).toBe(false);
    expect(await ledger.governor.ejectionOf(hash('dd'))).toEqual({ since: 0n, count: 1 });
    const { client } = validator;
    const ejectedAt = (await client.ejectionOf(hash('cc'))).since;
    expect(await client.reinstatedAt(hash('dd'), 1)).toBeGreaterThanOrEqual(ejectedAt);
    expect(await client.reinstatedAt(hash('dd'), 1)).toBeLessThanOrEqual(await client.now());
    await expect(client.reinstatedAt(hash('dd'), 2)).rejects.toThrow('no event lifts');
    await expect(client.reinstatedAt(hash('cc'), 1)).rejects.toThrow('no event lifts');
    expect(isEjected('cc')).toBe(true);
    await second.stop();
    store.close();
  });
});
