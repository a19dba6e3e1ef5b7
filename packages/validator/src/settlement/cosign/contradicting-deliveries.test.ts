import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { hashDelivery, parseDelivery } from '@ogong/protocol/exchange/delivery';
import { verifyHeld } from '@ogong/protocol/exchange/held-delivery';
import { OPENING_KEPT_MS } from '@ogong/protocol/exchange/limits';
import { type BenchOptions, ledger, payer, type TestValidator } from '@ogong/testing/validator/test-bench';
import { createFour } from '@ogong/testing/validator/test-four';
import { createTestPayee } from '@ogong/testing/validator/test-keys';
import { flip, type Message, proposeUnheard } from '@ogong/testing/validator/test-proposal';
import { createTestDelivery } from '@ogong/testing/validator/test-reply';
import { describe, expect, it } from 'vitest';
import { readChannel } from '../../store/channel-store.ts';
import { pruneSecondDeliveries, readSecondDelivery } from '../../store/replies/second-delivery-store.ts';

/** A reply that its validator has judged. Its consumer was given another one, and the validator has not heard of it. */
async function judgeAnother(options: (index: number) => BenchOptions = () => ({})) {
  const four = await createFour((index) => ({ audit: { honeypotPpm: 0 }, ...options(index) }));
  const { own } = four;
  const order = own.order(0);
  const admission = await own.intake.admit(order);
  const advert = own.serve(order, { text: 'Buy my book instead.' });
  const honest = own.serve(order);
  await own.intake.pushRecord(honest.submission);
  const peers = four.peers as readonly [TestValidator, TestValidator, TestValidator];
  const judge = async () => {
    await four.certifyAll();
    await own.runAudits();
  };
  const heardBy = (one: TestValidator) => readSecondDelivery(one.store, order.fields);
  return { ...four, peers, order, admission, advert, honest, judge, heardBy };
}

describe('a co-signer', () => {
  it('refuses an entry about another record than the payer told it, and hands over what the payer said', async () => {
    const world = await judgeAnother();
    const { own, peers, order, advert, admission } = world;
    expect(await peers[0].hear(order, advert, { admission })).toBe('heard');
    await world.judge();
    const request = await proposeUnheard(world);
    const refused = await peers[0].cosigner.cosign(own.signer.address, request).catch((error) => error.refused);
    expect(refused).toMatchObject([{ index: 0n, reason: 'entry 0 is not about the record that the payer has' }]);
    expect(refused[0].delivery.order.order).toEqual(order.order);
    expect(refused[0].delivery.bound.record).toEqual(advert.submission.record.record);
  });

  it('refuses it if only another second recipient has the delivery', async () => {
    const world = await judgeAnother();
    const { own, peers, order, advert, admission, offline } = world;
    await peers[2].hear(order, advert, { admission });
    await world.judge();
    const request = await proposeUnheard(world);
    await expect(peers[0].cosigner.cosign(own.signer.address, request)).rejects.toThrow(
      'about the record that the payer has',
    );
    // A second recipient that is away delays nothing.
    offline.add(3);
    expect((await peers[1].cosigner.cosign(own.signer.address, request)).signature).toHaveLength(65);
  });

  it('signs if the payer holds the same record, or if nobody was told anything', async () => {
    const world = await judgeAnother();
    const { own, peers, order, honest, admission } = world;
    await peers[0].hear(order, honest, { admission });
    await world.judge();
    const request = await proposeUnheard(world);
    for (const peer of peers)
      expect((await peer.cosigner.cosign(own.signer.address, request)).signature).toHaveLength(65);
  });

  it('trusts only data of other validators that payer and provider signed', async () => {
    const world = await judgeAnother();
    const { own, peers, order, advert, honest, admission } = world;
    await peers[1].hear(order, advert, { admission });
    await world.judge();
    const request = await proposeUnheard(world);
    const { signed, bound } = world.heardBy(peers[1]) as NonNullable<ReturnType<typeof readSecondDelivery>>;
    const { replyId } = order.fields;
    const { record, header, headerProof } = honest.submission;
    const lies = [
      { replyId, signed: { ...signed, signature: flip(signed.signature) }, bound },
      { replyId, signed, bound: { ...bound, signature: flip(bound.signature) } },
      { replyId, signed, bound: { ...record, header, headerProof } },
      { replyId: new Uint8Array(16), signed, bound },
    ];
    const errors: unknown[] = [];
    const state = { onError: (error: unknown) => errors.push(error), askSecondRecipient: async () => lies };
    Object.assign(peers[0].cosigning, state);
    expect((await peers[0].cosigner.cosign(own.signer.address, request)).signature).toHaveLength(65);
    expect(errors.length).toBeGreaterThan(0);
  });
});

describe('a validator that did not hear the payer itself', () => {
  it('accepts the deliveries of co-signers: the provider is ejected and paid nothing', async () => {
    const world = await judgeAnother();
    const { own, peers, chain, order, advert, admission } = world;
    await peers[0].hear(order, advert, { admission });
    await world.judge();
    expect(own.decided).toMatchObject([{ verdict: 'accept' }]);
    while (await own.settlement.step());
    expect(own.refusals).toEqual([]);
    expect(own.find(order.fields.replyId)).toMatchObject({ state: 'settled', feeAtomic: 0n });
    // One batch has the entry and its correction.
    expect(chain.settled).toHaveLength(1);
    expect(chain.settled[0]).toMatchObject({ ejections: [order.fields.providerId], debits: [] });
    expect(readChannel(own.store, payer.address)).toMatchObject({ owed: 0n, settled: 0n });
  });

  it('settles although some have signed the entry before anybody was told', async () => {
    const world = await judgeAnother();
    const { own, peers, chain, order, advert, admission, offline } = world;
    await world.judge();
    offline.add(2).add(3);
    await own.settlement.step().catch(() => undefined);
    offline.clear();
    const batch = () => own.requests.at(-1) as Message;
    // The first has signed; the second alone is told, and tells nobody but the validator itself.
    await peers[1].hear(order, advert, { admission });
    Object.assign(peers[2].cosigning, { askSecondRecipient: async () => [] });
    expect((await peers[0].cosigner.cosign(own.signer.address, batch())).signature).toHaveLength(65);
    await expect(peers[1].cosigner.cosign(own.signer.address, batch())).rejects.toThrow(
      'about the record that the payer has',
    );
    offline.add(3);
    while (await own.settlement.step());
    expect(chain.settled).toHaveLength(1);
    expect(chain.settled[0]).toMatchObject({ ejections: [order.fields.providerId], debits: [] });
  });

  it('takes the entry out if no batch has room for it and its correction', async () => {
    const world = await judgeAnother(() => ({ maxEntries: 1 }));
    const { own, peers, chain, order, advert, admission } = world;
    await peers[0].hear(order, advert, { admission });
    await world.judge();
    while (await own.settlement.step());
    expect(own.refusals).toEqual([expect.stringContaining('about the record that the payer has')]);
    expect(own.find(order.fields.replyId)).toMatchObject({ state: 'refused' });
    expect(chain.settled).toHaveLength(1);
    expect(chain.settled[0]).toMatchObject({ ejections: [order.fields.providerId], debits: [] });
    expect(readChannel(own.store, payer.address)).toMatchObject({ owed: 0n, settled: 0n });
  });

  it('settles nothing of it if it hides what it was told', async () => {
    const world = await judgeAnother((index) => ({ hidesDeliveries: index === 0 }));
    const { own, peers, chain, order, advert, admission } = world;
    await peers[1].hear(order, advert, { admission });
    await world.judge();
    while (await own.settlement.step());
    expect(chain.settled).toEqual([]);
  });

  it('needs no co-signer for it if the payer reached it after the verdict', async () => {
    const world = await judgeAnother();
    const { own, peers, chain, order, advert, admission } = world;
    for (const peer of peers) await peer.hear(order, advert, { admission });
    await world.judge();
    expect(await own.acknowledge(order, advert)).toBe('contradicted');
    while (await own.settlement.step());
    expect(own.refusals).toEqual([]);
    expect(chain.settled[0]).toMatchObject({ ejections: [order.fields.providerId], debits: [] });
  });
});

describe('the deliveries to a second recipient', () => {
  it('is kept, once, until the reply has settled', async () => {
    const world = await judgeAnother();
    const { own, peers, order, honest, advert, admission } = world;
    expect(await peers[0].hear(order, honest, { admission })).toBe('heard');
    expect(await peers[0].hear(order, advert, { admission })).toBe('heard');
    const told = { ...createTestDelivery(order, honest, { payer, ledger }), admission };
    const { held } = await peers[0].intake.acknowledge(told);
    const delivery = hashDelivery(crypto, ledger, parseDelivery(told.delivery.delivery));
    const { address: validator, signingKey } = peers[0].signer;
    expect(verifyHeld(crypto, { ledger, signingKey }, { validator, delivery, signature: held! })).toBe(true);
    expect(world.heardBy(peers[0])?.bound.record).toEqual(honest.submission.record.record);
    await world.judge();
    while (await own.settlement.step());
    expect(world.heardBy(peers[0])).toBeDefined();
    await own.deliver(1);
    await world.judge();
    while (await own.settlement.step());
    expect(world.heardBy(peers[0])).toBeUndefined();
  });

  it('has no text of request or answer', async () => {
    const { peers, order, honest, admission } = await judgeAnother();
    await peers[0].hear(order, honest, { admission });
    const [row] = peers[0].store.prepare('SELECT * FROM heard').all() as Record<string, unknown>[];
    const kept = Object.values(row ?? {}).filter((value) => value instanceof Uint8Array);
    expect(kept.length).toBeGreaterThan(5);
    const { request, response } = honest.submission;
    for (const text of [request, response]) {
      expect(text.length).toBeGreaterThan(20);
      // Any twenty bytes of it in a row.
      const parts = Array.from({ length: text.length - 20 }, (_, i) => Buffer.from(text.subarray(i, i + 20)));
      for (const bytes of kept) expect(parts.some((part) => Buffer.from(bytes).includes(part))).toBe(false);
    }
  });

  it('is kept a day at most', async () => {
    const { peers, order, honest, admission, clock, heardBy } = await judgeAnother();
    await peers[0].hear(order, honest, { admission });
    const prune = () => peers[0].group.write((db) => pruneSecondDeliveries(db, clock.nowMs() - OPENING_KEPT_MS));
    await prune();
    expect(heardBy(peers[0])).toBeDefined();
    clock.advance(OPENING_KEPT_MS + 120_001);
    await prune();
    expect(heardBy(peers[0])).toBeUndefined();
    await expect(peers[0].hear(order, honest, { admission })).rejects.toThrow('too long ago');
  });

  it('is refused without the signature of its validator, of its payer or of its provider', async () => {
    const { own, peers, order, honest, advert, admission, heardBy } = await judgeAnother();
    const [peer] = peers;
    const { signature } = admission;
    const forged = { ...admission, signature: flip(signature) };
    await expect(peer.hear(order, honest, {})).rejects.toThrow('admission');
    await expect(peer.hear(order, honest, { admission: forged })).rejects.toThrow('did not sign');
    await expect(peer.hear(own.order(1), honest, { admission })).rejects.toThrow('did not sign');
    const stranger = own.order(0, {}, createTestPayee('stranger'));
    await expect(peer.hear({ ...order, signature: stranger.signature }, honest, { admission })).rejects.toThrow(
      'not signed by its payer',
    );
    const recordHash = new Uint8Array(32);
    await expect(peer.hear(order, honest, { admission }, { recordHash })).rejects.toThrow('another record');
    const { record, header, headerProof } = advert.submission;
    const unsigned = { ...record, signature: flip(record.signature), header, headerProof };
    await expect(peer.hear(order, advert, { admission, bound: unsigned })).rejects.toThrow('signature');
    expect(heardBy(peer)).toBeUndefined();
  });

  it('is accepted later if there is no room for its payer', async () => {
    const secondDeliveryLimits = { ofPayer: 1, all: 9 };
    const { own, peers, order, honest, admission, heardBy } = await judgeAnother(() => ({ secondDeliveryLimits }));
    const second = own.order(1);
    const other = await own.intake.admit(second);
    await peers[0].hear(second, own.serve(second), { admission: other });
    await expect(peers[0].hear(order, honest, { admission })).rejects.toThrow('send it later');
    expect(heardBy(peers[0])).toBeUndefined();
  });

  it('is accepted later if all is full, and still has room if another validator has filled it', async () => {
    const secondDeliveryLimits = { ofPayer: 9, all: 2 };
    const { own, peers, order, honest, admission } = await judgeAnother(() => ({ secondDeliveryLimits }));
    const tell = async (by: TestValidator, number: number) => {
      const one = by.order(number);
      const admitted = await by.intake.admit(one);
      return peers[0].hear(one, by.serve(one), { admission: admitted });
    };
    for (const number of [1, 2]) expect(await tell(peers[1], number)).toBe('heard');
    await expect(tell(peers[1], 3)).rejects.toThrow('send it later');
    // A share of two places by four validators.
    expect(await peers[0].hear(order, honest, { admission })).toBe('heard');
    await expect(tell(own, 4)).rejects.toThrow('send it later');
    expect(await tell(peers[2], 5)).toBe('heard');
  });
});
