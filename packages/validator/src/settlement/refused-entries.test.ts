import { create } from '@bufbuild/protobuf';
import { ChainError } from '@ogong/chain/errors';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import { OPENING_KEPT_MS } from '@ogong/protocol/exchange/limits';
import { CosignBatchRequestSchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { parseVerdictEntry, type VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { payer, type TestValidator } from '@ogong/testing/validator/test-bench';
import { createFour } from '@ogong/testing/validator/test-four';
import { decideThree, on, propose } from '@ogong/testing/validator/test-proposal';
import { describe, expect, it } from 'vitest';
import { listEntries, listSignatures } from '../store/batch-store.ts';
import { readChannel } from '../store/channel-store.ts';
import { answerPeer } from './cosign/cosign.ts';
import { CosignError } from './cosign/cosign-error.ts';
import { createRefusals } from './gather-signatures.ts';

/** A co-signer that refuses some entries of every batch that still has them. */
function refuse(peer: TestValidator, isBad: (entry: VerdictEntry) => boolean): void {
  const { cosign } = peer.cosigner;
  peer.cosigner.cosign = async (from, request) => {
    const entries = request.entries.map(({ logEntry }) => parseVerdictEntry(logEntry));
    const refused = entries.filter(isBad).map(({ index }) => ({ index, reason: `entry ${index} is bad` }));
    if (refused.length > 0) throw new CosignError('refuted', 'bad', { refused });
    return cosign(from, request);
  };
}

const statesOf = ({ own }: { readonly own: TestValidator }) =>
  Object.fromEntries(own.decided.map(({ replyId, verdict }) => [verdict, own.find(replyId).state]));

describe('a co-signer', () => {
  it('names each entry that it refuses, with a reason, and signs nothing', async () => {
    const { own, peer, bent } = await propose();
    const message = await bent((entry) => on('reject', { ejects: false })(on('accept', { feeAtomic: 90_000n })(entry)));
    const { signature, refused } = await answerPeer(peer.signer, peer.cosigner.cosign(own.signer.address, message));
    expect(signature).toHaveLength(0);
    expect(refused).toHaveLength(2);
    expect(refused.map(({ reason }) => reason).join()).toMatch(/exact evidence ejects/);
    expect(refused.map(({ reason }) => reason).join()).toMatch(/a fee of/);
    expect(peer.store.prepare('SELECT count(*) AS n FROM cosigned').get()?.n).toBe(0);
  });

  it('refuses no single entry if the batch itself is wrong, or the chain is down', async () => {
    const { own, peer, request, chain } = await propose();
    const empty = create(CosignBatchRequestSchema, { ...structuredClone(request), entries: [] });
    const answer = (message: typeof request) =>
      answerPeer(peer.signer, peer.cosigner.cosign(own.signer.address, message));
    await expect(answer(empty)).rejects.toMatchObject({ code: 'refuted', refused: [] });
    chain.isDown = true;
    await expect(answer(request)).rejects.toMatchObject({ code: 'unavailable' });
  });
});

describe('refused entries', () => {
  it('leave the log if a third of the stake refuses them and is a quorum with the proposer, and the rest settles', async () => {
    const four = await createFour();
    await decideThree(four);
    for (const peer of four.peers.slice(0, 2)) refuse(peer, ({ verdict }) => verdict === 'accept');
    while (await four.own.settlement.step());
    expect(statesOf(four)).toEqual({ accept: 'refused', reject: 'settled', abandoned: 'settled' });
    expect(four.chain.settled).toMatchObject([{ batch: { sequence: 1n, logLength: 2n, replies: 0 } }]);
    expect(readChannel(four.own.store, payer.address)).toMatchObject({ settled: 0n, owed: 0n, outstanding: 0n });
  });

  it('stay if less refuses them', async () => {
    const four = await createFour();
    await decideThree(four);
    refuse(four.peers[0] as TestValidator, () => true);
    while (await four.own.settlement.step());
    expect(statesOf(four)).toEqual({ accept: 'settled', reject: 'settled', abandoned: 'settled' });
  });

  it('may be all there is', async () => {
    const four = await createFour();
    await decideThree(four);
    for (const peer of four.peers) refuse(peer, () => true);
    while (await four.own.settlement.step());
    expect(four.chain.settled).toEqual([]);
    expect(statesOf(four)).toEqual({ accept: 'refused', reject: 'refused', abandoned: 'refused' });
  });

  it('stay while others would be missing for the log without them, and settle once they are signed after all', async () => {
    const four = await createFour();
    await decideThree(four);
    // 2 of 5 refuse, 2 of 5 sign: those who have signed it sign no other log, and the rest is no quorum.
    const [doubtful] = four.peers as [TestValidator];
    four.chain.votes.set(toHex(doubtful.signer.address), 200n);
    const { cosign } = doubtful.cosigner;
    refuse(doubtful, ({ verdict }) => verdict === 'accept');
    await expect(four.own.settlement.step()).rejects.toMatchObject({
      code: 'no-quorum',
      message: expect.stringMatching(/refused: entry \d is bad$/),
    });
    expect(statesOf(four)).toEqual({ accept: 'batched', reject: 'batched', abandoned: 'batched' });
    doubtful.cosigner.cosign = cosign;
    while (await four.own.settlement.step());
    expect(statesOf(four)).toEqual({ accept: 'settled', reject: 'settled', abandoned: 'settled' });
  });

  it('are those, too, that nobody can check two days after their time', async () => {
    const four = await createFour();
    await decideThree(four);
    for (const { store } of four.peers) store.database.exec('DELETE FROM beacons; DELETE FROM beacon_values');
    await expect(four.own.settlement.step()).rejects.toMatchObject({ code: 'no-quorum' });
    four.clock.advance(2 * OPENING_KEPT_MS - 700_000);
    await expect(four.own.settlement.step()).rejects.toMatchObject({ code: 'no-quorum' });
    four.clock.advance(800_000);
    while (await four.own.settlement.step());
    expect(statesOf(four)).toEqual({ accept: 'refused', reject: 'refused', abandoned: 'refused' });
  });

  describe('that their own validator has signed, whose quorum is gone', () => {
    /** All but the last one sign three replies, the chain counts other votes meanwhile, and the last one refuses the second. */
    async function loseQuorum(votesOfLast: bigint) {
      const four = await createFour();
      const { own, chain, offline } = four;
      const decide = async (...replies: readonly number[]) => {
        for (const reply of replies) await own.deliver(reply);
        await four.certifyAll();
        await own.runAudits();
      };
      await decide(0, 1, 2);
      const [, gone, last] = four.peers as [TestValidator, TestValidator, TestValidator];
      offline.add(3);
      const { settle } = chain;
      const revert = { name: 'QuorumNotReached', args: [] };
      chain.settle = () => Promise.reject(new ChainError('reverted', 'refused with QuorumNotReached', { revert }));
      await expect(own.settlement.step()).rejects.toMatchObject({ code: 'reverted' });
      chain.settle = settle;
      offline.clear();
      chain.votes.set(toHex(gone.signer.address), 0n).set(toHex(last.signer.address), votesOfLast);
      const { cosign } = last.cosigner;
      const ids = listEntries(own.store, 0n, 3).map(({ replyId }) => replyId) as [Uint8Array, Uint8Array, Uint8Array];
      refuse(last, ({ replyId }) => equalBytes(replyId, ids[1]));
      return {
        ...{ ...four, decide },
        agree: () => Object.assign(last.cosigner, { cosign }),
        states: () => ids.map((id) => own.find(id).state),
      };
    }

    it('stay if it would be missing for the log without them, and settle once they are signed after all', async () => {
      const { own, states, agree } = await loseQuorum(300n);
      for (let step = 0; step < 3; step++) {
        await expect(own.settlement.step()).rejects.toMatchObject({ code: 'no-quorum' });
      }
      expect(states()).toEqual(['batched', 'batched', 'batched']);
      agree();
      while (await own.settlement.step());
      expect(states()).toEqual(['settled', 'settled', 'settled']);
    });

    it('leave the log if those who refuse them are a quorum, who settle the rest', async () => {
      const { own, chain, states, agree, decide } = await loseQuorum(900n);
      while (await own.settlement.step());
      expect(states()).toEqual(['settled', 'refused', 'settled']);
      agree();
      // It signs again once the log is past what it has signed.
      const hasSigned = () => {
        const signatures = listSignatures(own.store, BigInt(chain.settled.length));
        return signatures.some(({ signer }) => equalBytes(signer, own.signer.address));
      };
      const signed = [hasSigned()];
      for (const reply of [3, 4, 5]) {
        await decide(reply);
        while (await own.settlement.step());
        signed.push(hasSigned());
      }
      expect(chain.settled.map(({ batch }) => batch.logLength)).toEqual([2n, 3n, 4n, 5n]);
      expect(signed).toEqual([false, false, false, true]);
    });
  });

  describe('as they are counted', () => {
    const count = (...stakes: readonly bigint[]) => countAfter(new Set(), ...stakes);
    /** @param signed entries that the first one, this validator, has signed. */
    const countAfter = (signed: ReadonlySet<bigint>, ...stakes: readonly bigint[]) => {
      const members = stakes.map((stake, i) => ({ stake, address: new Uint8Array(20).fill(i) }) as QuorumMember);
      const total = stakes.reduce((sum, stake) => sum + stake, 0n);
      const votes = { voters: members, total };
      const refusals = createRefusals({ from: 5n, to: 8n }, votes, {
        address: (members[0] as QuorumMember).address,
        signed,
      });
      const refuseBy = (index: number, ...entries: readonly bigint[]) =>
        refusals.add(
          members[index] as QuorumMember,
          entries.map((entry) => ({ index: entry, reason: `entry ${entry}` })),
        );
      return { refusals, refuseBy };
    };

    it('count once for each peer, and only where they stand in the batch', () => {
      const { refusals, refuseBy } = count(2n, 3n, 4n, 1n);
      refuseBy(1, 6n, 6n, 4n, 8n);
      expect(refusals.listBlocked()).toEqual([]);
      refuseBy(3, 7n);
      refuseBy(2, 4n, 8n, 7n);
      expect(refusals.listBlocked()).toEqual([7n]);
      expect(refusals.describe([7n])).toBe('entry 7');
      expect(refusals.describe()).toBe('entry 6; entry 7');
    });

    it('are described in few words, for any text of a peer', () => {
      const { refusals, refuseBy } = count(1n, 1n);
      refuseBy(1, 5n);
      const endless = { index: 6n, reason: 'x'.repeat(10_000) };
      refusals.add({ address: new Uint8Array(20) }, [endless]);
      expect(refusals.describe()).toHaveLength('entry 5; '.length + 256);
      const own = { address: new Uint8Array(20), signed: new Set<bigint>() };
      const many = createRefusals({ from: 0n, to: 99n }, { voters: [], total: 0n }, own);
      many.add(
        { address: new Uint8Array(20) },
        Array.from({ length: 99 }, (_, i) => ({ index: BigInt(i), reason: 'bad' })),
      );
      expect(many.describe().split('; ')).toHaveLength(8);
    });

    it('leave the log if a third refuses them, and is a quorum with this validator', () => {
      const half = count(2n, 3n, 4n);
      half.refuseBy(1, 5n);
      expect(half.refusals.listBlocked()).toEqual([]);
      half.refuseBy(2, 5n);
      expect(half.refusals.listBlocked()).toEqual([5n]);
      // The others alone are a quorum.
      const rich = count(60n, 10n, 30n);
      rich.refuseBy(1, 5n);
      expect(rich.refusals.listBlocked()).toEqual([]);
    });

    it('leave it without this validator if it has signed them', () => {
      const four = countAfter(new Set([5n]), 1n, 1n, 1n, 1n);
      for (const peer of [1, 2]) four.refuseBy(peer, 5n, 6n);
      expect(four.refusals.listBlocked()).toEqual([6n]);
      four.refuseBy(3, 5n);
      expect(four.refusals.listBlocked()).toEqual([5n, 6n]);
    });
  });
});
