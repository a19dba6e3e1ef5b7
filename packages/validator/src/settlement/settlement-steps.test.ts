import { ChainError } from '@ogong/chain/errors';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { toHex } from '@ogong/protocol/base/bytes';
import { hashSettlement, summarizeSettlement } from '@ogong/protocol/settlement/batch';
import type { ValidatorStatement } from '@ogong/protocol/settlement/validator-statement';
import { domain } from '@ogong/testing/validator/test-bench';
import { createFour } from '@ogong/testing/validator/test-four';
import { decideThree, proposeUnheard } from '@ogong/testing/validator/test-proposal';
import { describe, expect, it } from 'vitest';
import { listSignatures, putSignature, readProposed, type StoredBatch } from '../store/batch-store.ts';
import { createEntryWindow } from './entry-window.ts';
import { askPeer, countSignatures, pickFewest, readVotes } from './gather-signatures.ts';
import { assertFollows, takeEntries } from './propose-batch.ts';
import { isAboutChannels } from './settlement.ts';
import { SettlementError } from './settlement-error.ts';

describe('the entries of a batch', () => {
  it('are as many as may be, in bytes and in number, and at least one', async () => {
    const four = await createFour();
    await decideThree(four);
    const { store } = four.own;
    const window = createEntryWindow(store, 100);
    const take = (maxEntries: number, maxBatchBytes: number, from = 0n) =>
      takeEntries({ store, window, maxEntries, maxBatchBytes }, from).map(({ entry }) => entry.verdict);
    const all = take(100, 1 << 24);
    expect([...all].sort()).toEqual(['abandoned', 'accept', 'reject']);
    expect(take(2, 1 << 24)).toEqual(all.slice(0, 2));
    expect(take(100, 1)).toEqual(all.slice(0, 1));
    expect(take(100, 1 << 24, 1n)).toEqual(all.slice(1));
    expect(take(100, 1 << 24, 3n)).toEqual([]);
  });

  it('continue the log that the chain has settled', async () => {
    const four = await createFour();
    await decideThree(four);
    const [first, second] = createEntryWindow(four.own.store, 2)
      .list(0n, 2)
      .map(({ entry }) => entry);
    const { previousHash } = second!;
    const logHead = `0x${toHex(previousHash)}` as const;
    assertFollows(second!, { sequence: 1n, logHead });
    assertFollows(first!, { sequence: 0n, logHead });
    expect(() => assertFollows(first!, { sequence: 1n, logHead })).toThrow(
      expect.objectContaining({ code: 'anchor-mismatch', retryable: false }),
    );
  });
});

describe('signatures', () => {
  async function createProposed() {
    const four = await createFour();
    await decideThree(four);
    const { batch: bytes, entries } = await proposeUnheard(four);
    const { store, group, signer } = four.own;
    const batch = store.read(() => readProposed(store)) as StoredBatch;
    const digest = hashSettlement(crypto, domain, batch.settlement);
    const errors: unknown[] = [];
    const [one, two] = four.peers as [(typeof four.peers)[0], (typeof four.peers)[0]];
    const said: ValidatorStatement = {
      ...{ kind: 'batch', domain, summary: summarizeSettlement(crypto, batch.settlement) },
      entries: entries.map(({ logEntry }) => logEntry),
    };
    const votes = await readVotes(
      four.chain as never,
      [four.own, one, two].map(({ member }) => member),
      [],
    );
    const ask = (signedBy: typeof one, statement = said) =>
      askPeer(
        {
          crypto,
          group,
          cosign: async () => {
            const signature = await signedBy.signer.sign(statement);
            return { signer: one.signer.address, signature, refused: [], uncompared: [] };
          },
          onUncompared: () => {},
          onError: (error) => errors.push(error),
        },
        one.member,
        { request: { batch: bytes, entries }, batch, digest, votes },
      );
    const signers = () => listSignatures(store, batch.sequence).map((signature) => toHex(signature.signer));
    return { four, batch, digest, errors, ask, signers, said, own: signer, one, two };
  }

  it('are kept if they are those of the peer for this batch', async () => {
    const { ask, signers, errors, said, one, two } = await createProposed();
    await ask(two);
    await ask(one, { ...said, summary: { ...said.summary, replies: 9 } });
    expect(signers()).toEqual([]);
    expect(errors).toHaveLength(2);
    await ask(one);
    expect(signers()).toEqual([toHex(one.signer.address)]);
    expect(errors).toHaveLength(2);
  });

  it('suffice by stake and by number', async () => {
    const { four, batch, digest, ask, own, said, one } = await createProposed();
    const { store, member } = four.own;
    const votes = { voters: [member, one.member], total: 2n * member.stake };
    const signature = await own.sign(said);
    store.transact((db) => putSignature(db, batch, { signer: own.address, signature }));
    const count = (minSignatures: number) =>
      countSignatures({ crypto, store, minSignatures }, votes, batch.sequence, digest).ok;
    expect(count(1)).toBe(false);
    await ask(one);
    expect(count(2)).toBe(true);
    expect(count(3)).toBe(false);
  });
});

it('are sent as few as suffice, those with most votes first, in the order of their signing keys', () => {
  const signers = [5, 3, 9, 1].map((byte) => new Uint8Array(20).fill(byte));
  const stakes = [10n, 60n, 1n, 29n];
  const keys = [6, 2, 9, 4].map((byte) => new Uint8Array(20).fill(byte));
  const voters = signers.map((address, i) => ({
    ...{ address, signingKey: keys[i] as Uint8Array, stake: stakes[i] as bigint },
  }));
  const signatures = signers.map((signer) => ({ signer, signature: signer }));
  const pick = (least: number) => pickFewest(signatures, { voters, total: 100n }, least).map(({ signer }) => signer[0]);
  expect(pick(1)).toEqual([3, 1]);
  expect(pick(3)).toEqual([3, 1, 5]);
  expect(pick(4)).toEqual([3, 1, 5, 9]);
});

it('looks at channels again only if they may be the reason', () => {
  const batch = (...uncollectable: Uint8Array[]) => ({ settlement: { uncollectable } });
  const reverted = (name: string) => new ChainError('reverted', name, { revert: { name, args: [] } });
  const noQuorum = new SettlementError('no-quorum', 'too few');
  expect(isAboutChannels(reverted('AllowanceExceeded'), batch())).toBe(true);
  expect(isAboutChannels(reverted('VoucherExceeded'), batch())).toBe(true);
  expect(isAboutChannels(reverted('WrongSequence'), batch())).toBe(false);
  expect(isAboutChannels(noQuorum, batch())).toBe(false);
  expect(isAboutChannels(noQuorum, batch(new Uint8Array(20)))).toBe(true);
  const mismatch = new SettlementError('anchor-mismatch', 'another log');
  expect(isAboutChannels(mismatch, batch(new Uint8Array(20)))).toBe(false);
});
