import { createTestOffer, OFFER_PROVIDER, OFFER_ROUTER, type OfferBends } from '@ogong/testing/protocol/offer-fixture';
import { describe, expect, it } from 'vitest';
import vectors from '../../../vectors/sealed-offer.json' with { type: 'json' };
import { fromHex, toHex } from '../../base/bytes.ts';
import { hashHybridKey } from '../../crypto/hybrid.ts';
import { createNobleHybridSigner, nobleCrypto as crypto } from '../../crypto/noble.ts';
import { parseSealedOffer, type SealedOffer, toSealedOfferJson } from '../../stage1/sealed-offer.ts';
import type { Trust } from '../../stage1/trust.ts';
import { type AskedOffer, verifySealedOffer } from './verify-sealed-offer.ts';

const ALLOW = ['router', 'ledger', 'validator', 'model-root'];
const { modelRoot, ...good } = createTestOffer(crypto);
const stranger = createNobleHybridSigner(new Uint8Array(64).fill(0x66));
const NOBODY = new Uint8Array(32);

function verify(
  offer: SealedOffer,
  { asked = {}, trust = { allow: ALLOW } }: { asked?: Partial<AskedOffer>; trust?: Trust } = {},
) {
  return verifySealedOffer(crypto, offer, { asked: { ...good.asked, ...asked }, trust, nowMs: good.nowMs });
}
const failed = (verdict: ReturnType<typeof verify>): string | undefined =>
  verdict.checks.find(({ status }) => status === 'fail')?.id;

describe('an offer to seal', () => {
  it('verifies as in the vectors', () => {
    const offer = parseSealedOffer(vectors.offer);
    const { ok, offered, missing } = verify(offer, {
      asked: { ...vectors.asked, nonce: fromHex(vectors.asked.nonce) },
    });
    expect({ ok, missing }).toEqual({ ok: true, missing: [] });
    expect(toHex(offered?.replyId ?? NOBODY)).toBe(vectors.replyId);
    expect(toHex(offered?.sealKey.hash ?? NOBODY)).toBe(vectors.sealKeyHash);
    expect(toSealedOfferJson(offer)).toEqual(vectors.offer);
  });

  it('passes if everything is known, and is not ok otherwise', () => {
    const { ledger, validator } = good.offer;
    const trust = {
      ledger,
      routers: [hashHybridKey(crypto, OFFER_ROUTER.publicKey)],
      modelRoots: { [good.asked.model]: modelRoot },
      validators: [
        ...[{ address: validator, signingKey: validator, stake: 1n, certHash: NOBODY, vrfKey: NOBODY, endpoint: '' }],
      ],
    };
    expect(verify(good.offer, { trust })).toMatchObject({ ok: true, missing: [] });
    expect(verify(good.offer, { trust: {} })).toMatchObject({ ok: false, missing: ALLOW });
    const strangers = { ...trust, routers: [NOBODY] };
    expect(failed(verify(good.offer, { trust: strangers }))).toBe('router');
    expect(failed(verify(good.offer, { trust: { ...trust, ledger: { ...ledger, chainId: 1n } } }))).toBe('ledger');
    expect(failed(verify(good.offer, { trust: { ...trust, modelRoots: { [good.asked.model]: NOBODY } } }))).toBe(
      'model-root',
    );
    expect(failed(verify(good.offer, { trust: { ...trust, validators: [] } }))).toBe('validator');
  });

  it.each<[string, string, Partial<AskedOffer>]>([
    ['another nonce', 'ticket', { nonce: NOBODY }],
    ['another model', 'ticket', { model: 'ogong/verified/test/other' }],
    ['another context', 'match', { contextSize: 513 }],
    ['another preference', 'match', { sort: 'latency' }],
    ['a lower price', 'match', { maxPricePer1kAtomic: 99n }],
    ['more at stake', 'match', { minHeldTokens: 1n }],
    ['other weights', 'match', { modelRoot: NOBODY }],
    ['somebody else', 'match', { only: [NOBODY] }],
    ['anybody but this one', 'match', { exclude: [good.ticket.providerId] }],
  ])('is refused if %s was requested', (_, id, asked) => {
    expect(failed(verify(good.offer, { asked }))).toBe(id);
  });

  it.each<[string, string, OfferBends]>([
    ['whose ticket has ended', 'ticket', { ticket: (t) => ({ ...t, issuedAtMs: 1, expiresAtMs: 2 }) }],
    ['whose ticket has another price than the list', 'match', { ticket: (t) => ({ ...t, pricePer1kAtomic: 99n }) }],
    ['that names somebody who was not drawn', 'match', { ticket: (t) => ({ ...t, providerId: NOBODY }) }],
    ['of a list that is not shown', 'match', { ticket: (t) => ({ ...t, candidatesHash: NOBODY }) }],
    ['whose key is of another provider', 'seal-key', { sealKey: (k) => ({ ...k, providerId: NOBODY }) }],
    ['whose key is signed by somebody else', 'seal-key', { keySigner: stranger }],
    ['whose key has ended', 'seal-key', { sealKey: (k) => ({ ...k, issuedAtMs: 1, expiresAtMs: 2 }) }],
    ['whose key is for other contracts', 'seal-key', { sealKey: (k) => ({ ...k, chainId: 1n }) }],
  ])('%s is refused', (_, id, bends) => {
    expect(failed(verify(createTestOffer(crypto, bends).offer))).toBe(id);
  });

  it('is refused if a byte of it was changed', () => {
    const flip = (bytes: Uint8Array) => bytes.map((byte, at) => (at === bytes.length - 1 ? byte ^ 1 : byte));
    const { ticket, sealKey } = good.offer;
    const bent = [
      { ticket: { ...ticket, signature: flip(ticket.signature) } },
      { ticket: { ...ticket, bytes: flip(ticket.bytes) } },
      { sealKey: { ...sealKey, signature: flip(sealKey.signature) } },
      { sealKey: { ...sealKey, publicKey: OFFER_ROUTER.publicKey } },
      { sealKey: { ...sealKey, bytes: new Uint8Array(3) } },
      { candidates: new Uint8Array(3) },
      { payer: NOBODY.slice(0, 20) },
      { validator: NOBODY.slice(0, 20) },
    ];
    for (const change of bent) expect(failed(verify({ ...good.offer, ...change }))).toBeDefined();
    expect(OFFER_PROVIDER.publicKey).toEqual(sealKey.publicKey);
  });

  it.each<[string, unknown]>([
    ['nothing', null],
    ['no fields', {}],
    ['a short address', { ...vectors.offer, payer: '0x12' }],
    ['a chain with a leading zero', { ...vectors.offer, ledger: { ...vectors.offer.ledger, chainId: '01' } }],
  ])('with %s does not parse', (_, json) => {
    expect(() => parseSealedOffer(json)).toThrow();
  });
});
