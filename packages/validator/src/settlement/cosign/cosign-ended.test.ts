import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { type OrderEnd, type SignedEnd, signEnd } from '@ogong/protocol/exchange/ending/order-end';
import type { VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { encodeEvidence } from '@ogong/protocol/verdict/evidence';
import { provider, type TestValidator } from '@ogong/testing/validator/test-bench';
import { createFour } from '@ogong/testing/validator/test-four';
import { createTestHybrid } from '@ogong/testing/validator/test-keys';
import { flip, inVerdict, on, proposeUnheard, rebuild } from '@ogong/testing/validator/test-proposal';
import { describe, expect, it } from 'vitest';

const NOW_MS = 1_750_000_000_000;

/** A batch of one order that its provider ended. */
async function proposeEnded() {
  const four = await createFour();
  const order = four.own.order(0);
  const sign = (change: Partial<OrderEnd> = {}, signer = provider): SignedEnd =>
    signEnd(signer, { orderHash: order.fields.orderHash, code: 'machine-failed', timeMs: NOW_MS, ...change });
  await four.own.intake.admit(order);
  await four.own.intake.pushRecord({ order, end: sign() });
  const request = await proposeUnheard(four);
  const [peer] = four.peers as [TestValidator];
  const cosign = async (end: SignedEnd, change: Partial<VerdictEntry> = {}) => {
    const evidence = encodeEvidence({ kind: 'ended', end });
    const entry = { evidenceHash: crypto.sha256(evidence), ...change };
    const bent = await rebuild(four.own, structuredClone(request), on('unjudged', entry), (same) => same);
    inVerdict(change.verdict ?? 'unjudged', (item) => Object.assign(item, { evidence }))(bent);
    return peer.cosigner.cosign(four.own.signer.address, bent);
  };
  return { order, other: four.own.order(1), sign, cosign };
}

describe('a co-signer of an order that its provider ended', () => {
  it('signs it before the order has expired, without witnesses', async () => {
    const { cosign, sign } = await proposeEnded();
    expect((await cosign(sign())).signature).toHaveLength(65);
  });

  it.each<[string, string, Partial<VerdictEntry>]>([
    ['called abandoned', 'is unjudged, not abandoned', { verdict: 'abandoned' }],
    ['called abandoned, with its fine', 'is unjudged, not abandoned', { verdict: 'abandoned', fineAtomic: 10_000n }],
    ['with a fine', 'a fine of 1, its order comes to 0', { beaconEpoch: 5n, fineAtomic: 1n }],
    ['with a payee', 'has a record', { payee: new Uint8Array(20).fill(9) }],
    ['with a record', 'has no record', { recordHash: new Uint8Array(32).fill(9) }],
    ['before its end', 'older than the end', { timeMs: NOW_MS - 60_000 }],
  ])('refuses it %s', async (_name, problem, change) => {
    const { cosign, sign } = await proposeEnded();
    await expect(cosign(sign(), change)).rejects.toThrow(problem);
  });

  it('refuses an end of another key or order, and a forged one', async () => {
    const { cosign, sign, other } = await proposeEnded();
    await expect(cosign(sign({}, createTestHybrid('stranger')))).rejects.toThrow('of another key');
    await expect(cosign(sign({ orderHash: other.fields.orderHash }))).rejects.toThrow('of another order');
    const { signature, ...end } = sign();
    await expect(cosign({ ...end, signature: flip(signature) })).rejects.toThrow('did not sign');
    await expect(cosign({ ...sign(), end: flip(end.end) })).rejects.toThrow('did not sign');
  });
});
