import { LinkError } from '@ogong/host/link/link-error';
import { MAX_ORDER_LIFETIME_MS, OPENING_KEPT_MS } from '@ogong/protocol/exchange/limits';
import { INITIAL_TESTS } from '@ogong/protocol/settlement/log-tests';
import { type BenchOptions, providerId, type TestValidator } from '@ogong/testing/validator/test-bench';
import { createFour } from '@ogong/testing/validator/test-four';
import { on, proposeUnheard, rebuild } from '@ogong/testing/validator/test-proposal';
import { describe, expect, it } from 'vitest';
import { createTestStates } from '../../store/sequential-store.ts';

describe('a co-signer of replies that were not audited', () => {
  it('holds its peer to the coverage that the network asks for', async () => {
    const four = await createFour({ audit: { alphaPpm: () => 0 } });
    await four.own.deliver(0);
    await four.certifyAll();
    await four.own.runAudits();
    expect(four.own.decided[0]?.verdict).toBe('unaudited');
    await expect(four.own.settlement.step()).rejects.toMatchObject({ code: 'no-quorum' });

    const lax = await createFour({ audit: { alphaPpm: () => 0 }, cosign: { alphaPpm: () => 0 } });
    await lax.own.deliver(0);
    await lax.certifyAll();
    await lax.own.runAudits();
    expect(await lax.own.settlement.step()).toBe(true);
  });

  it('uses the coverage that was in force when the reply was not selected, even if it was raised later', async () => {
    const asked: number[] = [];
    const coverage = { leastPpm: 1_000_000, asOfMs: 0 };
    const coverageSince = async (sinceMs: number) => {
      asked.push(sinceMs);
      return coverage;
    };
    const four = await createFour({ audit: { alphaPpm: () => 0 }, cosign: { coverageSince } });
    const order = (await four.own.deliver(0)).reply.record;
    await four.certifyAll();
    await four.own.runAudits();
    await expect(four.own.settlement.step()).rejects.toMatchObject({ code: 'no-quorum' });
    coverage.leastPpm = 0;
    expect(await four.own.settlement.step()).toBe(true);
    expect(four.own.find(order.replyId)).toMatchObject({ state: 'settled', verdict: 'unaudited' });
    const [entry] = four.own.decided;
    expect(Math.max(...asked)).toBeLessThan(entry!.timeMs);
  });

  it('refuses the entry for good if the coverage of that time selects the reply', async () => {
    const cosign = { coverageSince: async () => ({ leastPpm: 1_000_000, asOfMs: Number.MAX_SAFE_INTEGER }) };
    const four = await createFour({ audit: { alphaPpm: () => 0 }, cosign });
    const { replyId } = (await four.own.deliver(0)).reply.record;
    await four.certifyAll();
    await four.own.runAudits();
    while (await four.own.settlement.step());
    expect(four.own.find(replyId)).toMatchObject({ state: 'refused' });
    expect(four.chain.settled).toEqual([]);
  });

  it('audits every reply of a key that holds nothing, and holds its peer to that', async () => {
    const lax = { audit: { alphaPpm: () => 0 }, cosign: { alphaPpm: () => 0 } };
    const decide = async (options: BenchOptions) => {
      const four = await createFour({ ...lax, ...options });
      const { replyId } = (await four.own.deliver(0)).reply.record;
      await four.certifyAll();
      await four.own.runAudits();
      return { four, state: () => four.own.find(replyId).state };
    };
    const held = await decide({ heldFor: async () => 10n ** 30n });
    expect(held.four.own.decided[0]?.verdict).toBe('unaudited');
    expect(await held.four.own.settlement.step()).toBe(true);

    for (const heldFor of [async () => 0n, () => Promise.reject(new Error('down'))]) {
      const { four } = await decide({ heldFor });
      expect(four.own.decided.map(({ verdict }) => verdict)).toEqual(['accept']);
    }

    const careless = await decide({ cosign: { alphaPpm: () => 0, heldFor: async () => 0n } });
    expect(careless.four.own.decided[0]?.verdict).toBe('unaudited');
    while (await careless.four.own.settlement.step());
    expect(careless.state()).toBe('refused');
  });

  it.each([
    ['signs the burnt fee of a key in debt', true],
    ['refuses to pay a key in debt', false],
  ])('%s', async (_what, isKnown) => {
    const four = await createFour({ audit: { alphaPpm: () => 0 }, cosign: { alphaPpm: () => 0 } });
    const owing = { ...INITIAL_TESTS, balance: { credit: 0, debtAtomic: 1n } };
    for (const { store } of isKnown ? [four.own, ...four.peers] : four.peers)
      createTestStates(store, four.own.signer.address).put(providerId, owing);
    await four.own.deliver(0);
    await four.certifyAll();
    await four.own.runAudits();
    expect(four.own.decided).toMatchObject([{ verdict: 'unaudited' }]);
    const step = four.own.settlement.step();
    if (isKnown) expect(await step).toBe(true);
    else await expect(step).rejects.toMatchObject({ code: 'no-quorum' });
    expect(four.chain.settled).toHaveLength(isKnown ? 1 : 0);
  });

  it('refuses an epoch that the order does not fix, and a late reply that nobody audited', async () => {
    const four = await createFour({ audit: { alphaPpm: () => 0 }, cosign: { alphaPpm: () => 0 } });
    await four.own.deliver(0);
    for (let i = 0; i < 4; i++) await four.certifyAll();
    await four.own.runAudits();
    const sent = await proposeUnheard(four);
    const [peer] = four.peers as [TestValidator];
    const claim = async (beaconEpoch: bigint) => {
      const bent = await rebuild(four.own, structuredClone(sent), on('unaudited', { beaconEpoch }), (same) => same);
      return peer.cosigner.cosign(four.own.signer.address, bent);
    };
    await expect(claim(8n)).rejects.toThrow('does not decide');
    await expect(claim(16n)).rejects.toThrow('came late');
    await claim(4n);
  });

  it('does not let an entry claim a time before its order', async () => {
    const asked: number[] = [];
    const coverageSince = async (sinceMs: number) => {
      asked.push(sinceMs);
      return { leastPpm: 1_000_000, asOfMs: Number.MAX_SAFE_INTEGER };
    };
    const four = await createFour({ audit: { alphaPpm: () => 0 }, cosign: { coverageSince } });
    await four.own.deliver(0);
    await four.certifyAll();
    await four.own.runAudits();
    const sent = await proposeUnheard(four);
    const early = await rebuild(
      four.own,
      structuredClone(sent),
      on('unaudited', { timeMs: four.own.decided[0]!.timeMs - MAX_ORDER_LIFETIME_MS }),
      (same) => same,
    );
    const [peer] = four.peers as [TestValidator];
    await expect(peer.cosigner.cosign(four.own.signer.address, early)).rejects.toThrow('selected the reply');
    // The order expires two minutes after its entry's true time, and lived ten at most.
    expect(asked).toEqual([four.own.decided[0]!.timeMs + 120_000 - MAX_ORDER_LIFETIME_MS - 3_600_000]);
  });

  it('accepts an unasked reply only after its provider no longer has to keep the opening', async () => {
    const getOpening = () => {
      return Promise.reject(new LinkError('remote', 'no opening any more', { refusal: 'not-found' }));
    };
    const four = await createFour({ getOpening, audit: { retryMs: 1 } });
    await four.own.deliver(0);
    await four.certifyAll();
    four.clock.advance(OPENING_KEPT_MS + 600_000);
    await four.own.runWithheld();
    const [entry] = four.own.decided;
    expect(entry).toMatchObject({ verdict: 'unjudged', evidence: 'none', ejects: false, feeAtomic: 0n });
    const [peer] = four.peers as [TestValidator];
    const sent = await proposeUnheard(four);
    const early = await rebuild(
      four.own,
      structuredClone(sent),
      on('unjudged', { timeMs: entry!.timeMs - 700_000 }),
      (same) => same,
    );
    await expect(peer.cosigner.cosign(four.own.signer.address, early)).rejects.toThrow('still time');
    await peer.cosigner.cosign(four.own.signer.address, sent);
  });
});
