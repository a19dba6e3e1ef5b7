import { ChainError } from '@ogong/chain/errors';
import { createGroupCommit } from '@ogong/host/store/group-commit';
import { openStore } from '@ogong/host/store/store';
import { toHex } from '@ogong/protocol/base/bytes';
import type { LedgerSigner } from '@ogong/protocol/crypto/crypto';
import { findValidator } from '@ogong/protocol/crypto/quorum';
import { createKeySigner } from '@ogong/protocol/settlement/validator-statement';
import { ejectProvider } from '@ogong/testing/validator/test-bench';
import { testCrypto as crypto } from '@ogong/testing/validator/test-crypto';
import { createTestLedgerSigner, seedOf } from '@ogong/testing/validator/test-keys';
import { describe, expect, it } from 'vitest';
import { findApproval, listApprovals } from '../store/reinstatement-store.ts';
import { VALIDATOR_SCHEMA } from '../store/schema.ts';
import { readProvider } from '../store/verdict-store.ts';
import { approveReinstatement, type ReinstateState, stepReinstatements } from './reinstate.ts';

const providerId = new Uint8Array(32).fill(7);
const domain = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(6) };

/** Four validators with a chain that knows one provider. */
function createFour() {
  const signers = [0, 1, 2, 3].map((i) => {
    const [account, key] = ['account', 'key'].map((name) => createTestLedgerSigner(seedOf(`reinstate ${name} ${i}`)));
    return createKeySigner(crypto, key as LedgerSigner, account?.address);
  });
  const members = signers.map(({ address, signingKey }) => ({
    ...{ address, signingKey, stake: 100n, endpoint: '' },
    ...{ certHash: new Uint8Array(32), vrfKey: new Uint8Array(32) },
  }));
  const chain = {
    ejection: { since: 0n, count: 0 },
    refusal: undefined as string | undefined,
    submitted: 0,
    votesOf: async (asked: readonly Uint8Array[]) => ({
      each: asked.map(() => 100n),
      signingKeys: asked.map((account) => `0x${toHex(findValidator(members, account)?.signingKey ?? account)}`),
      total: 400n,
    }),
    ejectionOf: async () => chain.ejection,
    async reinstate(_id: unknown, quorum: readonly unknown[]) {
      chain.submitted++;
      const { refusal: name } = chain;
      if (name !== undefined) throw new ChainError('reverted', name, { revert: { name, args: [] } });
      expect(quorum.length).toBeGreaterThanOrEqual(3);
      chain.ejection = { ...chain.ejection, since: 0n };
    },
  };
  const heard: string[] = [];
  const all = signers.map((signer) => {
    const store = openStore(':memory:', { schema: VALIDATOR_SCHEMA });
    const state: ReinstateState = {
      ...{ crypto, signer, domain, store, group: createGroupCommit(store, { maxDelayMs: 0 }), seen: new Uint8Array(0) },
      chain: { client: async () => chain as never, validators: () => members },
      async ask(peer, reinstatement) {
        const at = members.indexOf(findValidator(members, peer.address) as never);
        const db = all[at]?.store as typeof store;
        return findApproval(db, reinstatement)?.signature ?? new Uint8Array(0);
      },
      onReinstated: () => heard.push('reinstated'),
      onPardoned: () => heard.push('pardoned'),
      onFinal: () => heard.push('final'),
      onError: (error) => heard.push(String(error)),
    };
    return state;
  });
  const approve = (...which: number[]) =>
    Promise.all(which.map((i) => approveReinstatement(all[i] as ReinstateState, chain as never, providerId)));
  const step = (i = 0) => stepReinstatements(all[i] as ReinstateState);
  return { all: all as [ReinstateState, ...ReinstateState[]], chain, heard, approve, step };
}

describe('an ejection is lifted', () => {
  it('once more than two thirds of the votes have signed', async () => {
    const { all, chain, heard, approve, step } = createFour();
    chain.ejection = { since: 5n, count: 1 };
    expect(await approve(0, 1)).toEqual([1, 1]);
    await step();
    expect([chain.submitted, heard]).toEqual([0, []]);
    await approve(2);
    await step();
    expect([chain.ejection.since, heard]).toEqual([0n, ['reinstated']]);
    // The others had approved too. Nothing is left to do.
    await step(1);
    expect([chain.submitted, listApprovals(all[0].store), listApprovals(all[1]!.store)]).toEqual([1, [], []]);
  });

  it('by nobody who signed another ejection, or who is another validator than it says', async () => {
    const { all, chain, heard, approve, step } = createFour();
    chain.ejection = { since: 5n, count: 1 };
    await approve(0, 1, 2);
    chain.ejection = { since: 9n, count: 2 };
    await approve(0);
    all[0] = Object.assign(all[0], {
      ask: () => all[1]!.signer.sign({ kind: 'reinstatement', domain, providerId, ejection: 2 }),
    });
    await step();
    expect([chain.submitted, heard]).toEqual([0, []]);
    // The approval of the first ejection, which is over, is gone.
    expect(listApprovals(all[0].store).map(({ ejection }) => ejection)).toEqual([2]);
  });

  it('never if none is in force, and not after the appeal', async () => {
    const { chain, heard, approve, step, all } = createFour();
    expect(await approve(0)).toEqual([undefined]);
    chain.ejection = { since: 5n, count: 1 };
    await approve(0, 1, 2);
    chain.refusal = 'AppealOver';
    await step();
    expect([heard, listApprovals(all[0].store)]).toEqual([['final'], []]);
  });
});

describe('a mark', () => {
  it('is lifted when the chain says so', async () => {
    const { all, chain, heard, step } = createFour();
    const [{ store }] = all;
    ejectProvider(store, providerId);
    await step();
    expect(readProvider(store, providerId).ejected).toBe(true);
    chain.ejection = { since: 5n, count: 1 };
    await step();
    expect(readProvider(store, providerId).ejected).toBe(true);
    chain.ejection = { since: 0n, count: 1 };
    await step();
    expect(readProvider(store, providerId).ejected).toBe(false);
    expect(heard).toEqual(['pardoned']);
  });

  it('stays if the chain lifted an older ejection than its own', async () => {
    const { all, chain, step } = createFour();
    const [{ store }] = all;
    chain.ejection = { since: 0n, count: 1 };
    ejectProvider(store, providerId);
    await step();
    await step();
    expect(readProvider(store, providerId).ejected).toBe(true);
    chain.ejection = { since: 8n, count: 2 };
    await step();
    chain.ejection = { since: 0n, count: 2 };
    await step();
    expect(readProvider(store, providerId).ejected).toBe(false);
  });
});
