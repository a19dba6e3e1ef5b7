import { create } from '@bufbuild/protobuf';
import { CosignBatchRequestSchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { parseVerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { payer, type TestValidator } from '@ogong/testing/validator/test-bench';
import { createFour } from '@ogong/testing/validator/test-four';
import { decideThree, on, propose } from '@ogong/testing/validator/test-proposal';
import { describe, expect, it } from 'vitest';
import { readChannel } from '../store/channel-store.ts';
import { answerPeer } from './cosign.ts';
import { CosignError } from './cosign-error.ts';
import { createRefusals } from './gather-signatures.ts';

/** A co-signer that refuses some entries of every batch that still has them. */
function refuse(peer: TestValidator, isBad: (verdict: string) => boolean): void {
  const { cosign } = peer.cosigner;
  peer.cosigner.cosign = async (from, request) => {
    const entries = request.entries.map(({ logEntry }) => parseVerdictEntry(logEntry));
    const refused = entries.filter(({ verdict }) => isBad(verdict)).map(({ index }) => ({ index, reason: 'bad' }));
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

  it('refuses no single entry where the batch itself is wrong, or the chain is down', async () => {
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
  it('leave the log where a third of the stake refuses them, and the rest settles', async () => {
    const four = await createFour();
    await decideThree(four);
    for (const peer of four.peers.slice(0, 2)) refuse(peer, (verdict) => verdict === 'accept');
    while (await four.own.settlement.step());
    expect(statesOf(four)).toEqual({ accept: 'refused', reject: 'settled', abandoned: 'settled' });
    expect(four.chain.settled).toMatchObject([{ batch: { sequence: 1n, logLength: 2n, replies: 0 } }]);
    expect(readChannel(four.own.store, payer.address)).toMatchObject({ settled: 0n, owed: 0n, outstanding: 0n });
  });

  it('stay where less refuses them', async () => {
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

  it('count once for each peer, and only where they stand in the batch', () => {
    const members = [3n, 3n, 4n].map((stake, i) => ({ stake, address: new Uint8Array(20).fill(i) }));
    const refusals = createRefusals({ from: 5n, to: 8n }, { voters: members, total: 10n });
    const bad = (...indices: bigint[]) => indices.map((index) => ({ index, reason: `entry ${index}` }));
    refusals.add(members[0] as never, bad(6n, 6n, 4n, 8n));
    expect(refusals.listBlocked()).toEqual([]);
    refusals.add(members[1] as never, bad(7n));
    expect(refusals.listBlocked()).toEqual([]);
    refusals.add(members[2] as never, bad(4n, 8n, 7n));
    expect(refusals.listBlocked()).toEqual([7n]);
    expect(refusals.describe([7n])).toBe('entry 7');
  });
});
