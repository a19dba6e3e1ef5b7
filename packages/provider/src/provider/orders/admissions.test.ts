import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { createGroupCommit, type GroupCommit } from '@ogong/host/store/group-commit';
import { openStore, type Store } from '@ogong/host/store/store';
import { createNobleLedgerSigner } from '@ogong/protocol/crypto/noble';
import { nameOrder, parseOrder } from '@ogong/protocol/exchange/order';
import { createOrderAdmission } from '@ogong/testing/synthetic/synthetic-over-admission';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findEvidence, mergeAdmissions } from '../../commands/admissions-command.ts';
import { ADMISSION_SCHEMA, createAdmissions, listAdmissions } from './admissions.ts';

const ledger = { chainId: 1n, verifyingContract: new Uint8Array(20).fill(0x11) };
const [payer, other, signer] = [1, 2, 3].map((value) => createNobleLedgerSigner(new Uint8Array(32).fill(value))) as [
  ReturnType<typeof createNobleLedgerSigner>,
  ReturnType<typeof createNobleLedgerSigner>,
  ReturnType<typeof createNobleLedgerSigner>,
];
const START_MS = 1_700_000_000_000n;
const admit = (number: number, { by = payer, afterMs = 0n } = {}) =>
  createOrderAdmission(crypto, {
    ...{ ledger, payer: by, signer, number, maxFeeAtomic: 40n },
    ...{ admittedAtMs: START_MS + afterMs, expiresAtMs: START_MS + afterMs + 60_000n },
  });

let store: Store;
let commits: GroupCommit;
beforeEach(() => {
  store = openStore(':memory:', { schema: ADMISSION_SCHEMA });
  commits = createGroupCommit(store, { maxDelayMs: 0 });
});
afterEach(() => store.close());

const keep = ({ order, signature, admission }: ReturnType<typeof admit>): Promise<void> =>
  createAdmissions(commits).keep(nameOrder(crypto, ledger, parseOrder(order)), { order, signature }, admission);
const list = (limit = 9) => [...store.read((db) => listAdmissions(db, limit)).values()];

describe('admissions', () => {
  it('are kept once, by channel, the newest first, until long after their orders', async () => {
    const [first, second, foreign] = [admit(1), admit(2, { afterMs: 5n }), admit(3, { by: other })];
    for (const one of [first, second, foreign, first]) await keep(one);
    expect(list()).toHaveLength(2);
    expect(list()).toContainEqual([second, first]);
    expect(list()).toContainEqual([foreign]);
    expect(list(1)).toContainEqual([second]);
    await createAdmissions(commits).sweep(Number(START_MS) + 60_001);
    expect(list()).toEqual([[second]]);
  });

  const chain = (roomAtomic: bigint) => ({
    channelChanges: async () => [{ timeMs: 0n, roomAtomic }],
    signingKeysAt: async () => [`0x${Buffer.from(signer.address).toString('hex')}` as const],
    convictionsOf: async () => ({ count: 0, atMs: 0n }),
  });

  it('are evidence where they exceed what the channel had room for', async () => {
    for (const one of [admit(1), admit(2), admit(3, { by: other })]) await keep(one);
    const own = store.read((db) => listAdmissions(db, 9));
    const find = async (room: bigint, channels = own) =>
      (await findEvidence({ chain: chain(room), ledger }, channels)).map(({ heldAtomic, evidence }) => [
        heldAtomic,
        evidence !== undefined,
      ]);
    expect((await find(79n)).toSorted()).toEqual([
      [40n, false],
      [80n, true],
    ]);
    expect((await find(80n)).toSorted()).toEqual([
      [40n, false],
      [80n, false],
    ]);
    // Another provider's export: one order that is known here, and one that is not.
    const pooled = mergeAdmissions(own, [[admit(2), admit(4)]]);
    expect((await find(119n, pooled)).toSorted()).toEqual([
      [120n, true],
      [40n, false],
    ]);
  });
});
