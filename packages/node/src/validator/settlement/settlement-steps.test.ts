import { ChainError } from '@ogong/chain/errors';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { toHex } from '@ogong/protocol/base/bytes';
import { hashSettlement } from '@ogong/protocol/settlement/batch';
import { parseVerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { domain } from '@ogong/testing/validator/test-bench';
import { createFour } from '@ogong/testing/validator/test-four';
import { decideThree, proposeUnheard } from '@ogong/testing/validator/test-proposal';
import { describe, expect, it } from 'vitest';
import { listSignatures, readProposed, type StoredBatch } from '../store/batch-store.ts';
import { askPeer, countSignatures, pickFewest } from './gather-signatures.ts';
import { assertFollows, takeEntries } from './propose-batch.ts';
import { isAboutChannels } from './settlement.ts';
import { SettlementError } from './settlement-error.ts';

describe('the entries of a batch', () => {
  it('are as many as may be, in bytes and in number, and at least one', async () => {
    const four = await createFour();
    await decideThree(four);
    const { store } = four.own;
    const take = (maxEntries: number, maxBatchBytes: number, from = 0n) =>
      takeEntries({ store, maxEntries, maxBatchBytes }, from).map((entry) => parseVerdictEntry(entry).verdict);
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
    const [first, second] = takeEntries({ store: four.own.store, maxEntries: 2, maxBatchBytes: 1 << 24 }, 0n);
    const { previousHash } = parseVerdictEntry(second!);
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
    const ask = (signedBy: typeof one, signed = digest) =>
      askPeer(
        {
          crypto,
          group,
          cosign: async () => {
            const signature = signedBy.signer.signDigest(signed);
            return { signer: one.signer.address, signature, refused: [] };
          },
          onError: (error) => errors.push(error),
        },
        one.member,
        { request: { batch: bytes, entries }, batch, digest },
      );
    const signers = () => listSignatures(store, batch.sequence).map((signature) => toHex(signature.signer));
    return { four, batch, digest, errors, ask, signers, own: toHex(signer.address), one, two };
  }

  it('are kept if they are those of the peer for this batch', async () => {
    const { ask, signers, errors, own, one, two } = await createProposed();
    await ask(two);
    await ask(one, new Uint8Array(32));
    expect(signers()).toEqual([own]);
    expect(errors).toHaveLength(2);
    await ask(one);
    expect(signers()).toEqual([own, toHex(one.signer.address)].sort());
    expect(errors).toHaveLength(2);
  });

  it('suffice by stake and by number', async () => {
    const { four, batch, digest, ask, one } = await createProposed();
    const { store, member } = four.own;
    const votes = { voters: [member, one.member], total: 2n * member.stake };
    const count = (minSignatures: number) =>
      countSignatures({ crypto, store, minSignatures }, votes, batch.sequence, digest).ok;
    expect(count(1)).toBe(false);
    await ask(one);
    expect(count(2)).toBe(true);
    expect(count(3)).toBe(false);
  });
});

it('are sent as few as suffice, those with most votes first, in the order of their signers', () => {
  const signers = [5, 3, 9, 1].map((byte) => new Uint8Array(20).fill(byte));
  const stakes = [10n, 60n, 1n, 29n];
  const voters = signers.map((address, i) => ({ address, stake: stakes[i] as bigint }));
  const signatures = signers.map((signer) => ({ signer, signature: signer }));
  const pick = (least: number) => pickFewest(signatures, { voters, total: 100n }, least).map(({ signer }) => signer[0]);
  expect(pick(1)).toEqual([1, 3]);
  expect(pick(3)).toEqual([1, 3, 5]);
  expect(pick(4)).toEqual([1, 3, 5, 9]);
});

it('looks at channels again only where they may be the reason', () => {
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
