import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { equalBytes } from '@ogong/protocol/base/bytes';
import { parseSettlement } from '@ogong/protocol/settlement/batch';
import { computeCorrectionId, encodeVerdictEntry, parseVerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { payer, type TestValidator } from '@ogong/testing/validator/test-bench';
import { createFour, type Four } from '@ogong/testing/validator/test-four';
import { type Message, proposeUnheard, rebuild } from '@ogong/testing/validator/test-proposal';
import { describe, expect, it } from 'vitest';
import { readChannel } from '../store/channel-store.ts';
import { createSettledEntries } from '../store/replies/settled-entries.ts';
import { createTestStates } from '../store/sequential-store.ts';

/** Two accepted replies; the provider has signed a second record for the first of them. */
async function acceptTwo() {
  const four = await createFour({ audit: { honeypotPpm: 0 } });
  const { own } = four;
  const order = own.order(0);
  await own.intake.admit(order);
  const second = own.serve(order, { text: 'an advert' });
  const first = own.serve(order);
  await own.intake.pushRecord(first.submission);
  await own.deliver(1);
  await four.certifyAll();
  await own.runAudits();
  expect(own.decided.map(({ verdict }) => verdict)).toEqual(['accept', 'accept']);
  const { replyId, providerId } = order.fields;
  return { ...four, replyId, providerId, contradict: () => own.acknowledge(order, second) };
}

const settleAll = async ({ own }: Pick<Four, 'own'>): Promise<void> => {
  while (await own.settlement.step());
};

describe('a second record that turns up after the verdict', () => {
  it('voids the fee and ejects, if the reply has not settled', async () => {
    const world = await acceptTwo();
    const { own, chain, replyId, providerId, contradict } = world;
    expect(await contradict()).toBe('contradicted');
    await settleAll(world);
    const [batch] = chain.settled;
    expect(chain.settled).toHaveLength(1);
    // The provider has cheated, so its other reply is void too.
    expect(batch).toMatchObject({ batch: { replies: 0 }, debits: [], lines: [] });
    expect(batch?.ejections).toEqual([providerId]);
    expect(own.find(replyId)).toMatchObject({ state: 'settled', feeAtomic: 0n });
    expect(readChannel(own.store, payer.address)).toMatchObject({ owed: 0n, outstanding: 0n, settled: 0n });
    expect(own.refusals).toEqual([]);
  });

  it('ejects in the next batch, if the reply has settled', async () => {
    const world = await acceptTwo();
    const { own, chain, providerId, contradict } = world;
    await settleAll(world);
    expect(await contradict()).toBe('contradicted');
    await settleAll(world);
    expect(chain.settled.map(({ ejections }) => ejections)).toEqual([[], [providerId]]);
    expect(chain.settled[1]?.debits).toEqual([]);
    expect(readChannel(own.store, payer.address)).toMatchObject({ owed: 0n, settled: 172_000n });
  });

  it('voids what was undecided then, at its validator and at all that sign', async () => {
    const world = await acceptTwo();
    const { own, chain, certifyAll, contradict } = world;
    const { replyId } = (await own.deliver(2)).reply.record;
    await settleAll(world);
    await contradict();
    await settleAll(world);
    await certifyAll();
    await own.runAudits();
    expect(own.find(replyId)).toMatchObject({ verdict: 'accept', feeAtomic: 86_000n });
    await settleAll(world);
    expect(chain.settled).toHaveLength(3);
    expect(chain.settled[2]).toMatchObject({ batch: { replies: 0 }, debits: [], lines: [] });
    expect(own.find(replyId)).toMatchObject({ state: 'settled', feeAtomic: 0n });
    expect(createSettledEntries(own.store, crypto)(replyId)).toMatchObject({ index: 0, proof: [] });
    expect(readChannel(own.store, payer.address)).toMatchObject({ owed: 0n, outstanding: 0n, settled: 172_000n });
    expect(own.refusals).toEqual([]);
  });

  it('is not overlooked by co-signers if a batch pays the cheat all the same', async () => {
    const world = await acceptTwo();
    const { own, peers, certifyAll, contradict } = world;
    await own.deliver(2);
    await settleAll(world);
    await contradict();
    await settleAll(world);
    await certifyAll();
    await own.runAudits();
    const before = createTestStates(own.store, own.signer.address);
    before.put(world.providerId, { ...before.find(world.providerId), provenMs: 0 });
    own.requests.length = 0;
    const request = await proposeUnheard(world);
    expect(parseSettlement(request.batch).debits).toHaveLength(1);
    const peer = peers[0] as TestValidator;
    const vote = peer.cosigner.cosign(own.signer.address, request);
    await expect(vote).rejects.toThrow('the batch differs from the netting of its entries');
  });

  it.each<[string, string, (correction: Message['entries'][number]) => void]>([
    [
      'without the second record',
      'other evidence',
      (message) => Object.assign(message, { evidence: new Uint8Array(0) }),
    ],
    [
      'by an abandonment',
      'without exact evidence',
      (message) => {
        const entry = parseVerdictEntry(message.logEntry);
        const step = { step: 'none', eValuePpm: 0 } as const;
        const fields = { verdict: 'abandoned', evidence: 'none', ...step, ejects: false } as const;
        Object.assign(message, { logEntry: encodeVerdictEntry({ ...entry, ...fields }) });
      },
    ],
  ])('corrects nothing %s', async (_name, reason, bend) => {
    const world = await acceptTwo();
    const { own, peers, replyId, contradict } = world;
    await contradict();
    const request = await proposeUnheard(world);
    const correction = request.entries.find(({ logEntry }) =>
      equalBytes(parseVerdictEntry(logEntry).replyId, computeCorrectionId(replyId)),
    ) as Message['entries'][number];
    bend(correction);
    const bent = await rebuild(
      own,
      request,
      (entry) => entry,
      (same) => same,
    );
    const peer = peers[0] as TestValidator;
    await expect(peer.cosigner.cosign(own.signer.address, bent)).rejects.toThrow(reason);
  });
});
