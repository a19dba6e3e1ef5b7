import { checkCodec } from '@ogong/testing/protocol/codec-compliance';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import vectors from '../../vectors/ticket.json' with { type: 'json' };
import verifierVectors from '../../vectors/verifier.json' with { type: 'json' };
import { fromHex, ProtocolError, toHex } from '../base/bytes.ts';
import { hashHybridKey } from '../crypto/hybrid.ts';
import { createNobleHybridSigner, createNobleLedgerSigner, nobleCrypto } from '../crypto/noble.ts';
import {
  type Announcement,
  encodeAnnouncement,
  type OfferedModel,
  parseAnnouncement,
  signAnnouncement,
  verifyAnnouncement,
} from './announcement.ts';
import type { CohortOffer } from './cohort/cohort-offer.ts';
import type { OfferedSegment } from './cohort/segment.ts';
import { MAX_ANNOUNCEMENT_LIFETIME_MS } from './limits.ts';
import type { LedgerDomain } from './order.ts';
import { signProviderPayee } from './provider-payee.ts';
import { type EndorsementTerms, encodeEndorsement, parseEndorsement, signEndorsement } from './verifier-endorsement.ts';

const WORD_UNTIL_MS = 4_000_000_000_000;

const MODEL = 'ogong/verified/tinystories/stories260k';
const SECOND_MODEL = 'ogong/verified/tinystories/stories42m';
const fixed = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const modelId = fc.constantFrom(MODEL, 'ogong/verified/a/b', 'ogong/verified/meta/llama-3.2-1b_q8.0');
const endpoint = fc.stringMatching(/^[a-z0-9.-]{1,60}:[1-9]\d{0,3}(,relay\/[a-z0-9.-]{1,60}:[1-9]\d{0,3})?$/);
const u128 = fc.bigInt(0n, 2n ** 128n - 1n);
const issued = fc.nat(2 ** 50);

const SEGMENT: OfferedSegment = {
  modelId: MODEL,
  modelRoot: new Uint8Array(32).fill(5),
  manifestHash: new Uint8Array(32).fill(9),
  firstLayer: 20,
  layers: 12,
  totalLayers: 32,
  pricePer1kAtomic: 100n,
  contextSize: 2048,
  numericClass: 'llama.cpp-b1/cpu/haswell/reference/q8_0',
  capacity: 4,
  freeCapacity: 3,
  uplinkMbit: 100,
};

const anySegment: fc.Arbitrary<OfferedSegment> = fc
  .record({
    ...{ modelRoot: fixed(32), pricePer1kAtomic: u128 },
    firstLayer: fc.nat(60),
    layers: fc.integer({ min: 1, max: 70 }),
  })
  .map((fields) => ({ ...SEGMENT, ...fields, totalLayers: 131 }));

const anyAnnouncement: fc.Arbitrary<Announcement> = fc
  .record({
    providerId: fixed(32),
    payee: fixed(20),
    endpoint,
    certHash: fixed(32),
    verifier: fc.option(fc.record({ endpoint, certHash: fixed(32), keyHash: fixed(32) }), { nil: undefined }),
    models: fc.uniqueArray(
      fc.record({
        modelId,
        modelRoot: fixed(32),
        modality: fc.stringMatching(/^[a-z0-9-]{1,32}$/),
        pricePer1kAtomic: u128,
        contextSize: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
        numericClass: fc.stringMatching(/^[a-z0-9/+.-]{0,40}$/),
        capacity: fc.integer({ min: 1, max: 65_535 }),
        busy: fc.nat(),
      }),
      { selector: (model) => model.modelId, minLength: 1 },
    ),
    segments: fc.uniqueArray(anySegment, { selector: (segment) => segment.firstLayer, maxLength: 16 }),
    sequence: fc.bigInt(0n, 2n ** 64n - 1n),
    issuedAtMs: issued,
    lifetime: fc.integer({ min: 1, max: MAX_ANNOUNCEMENT_LIFETIME_MS }),
  })
  .map(({ lifetime, ...rest }) => ({
    ...rest,
    models: rest.models
      .sort((a, b) => (a.modelId < b.modelId ? -1 : 1))
      .map(({ busy, ...model }) => ({ ...model, freeCapacity: Math.max(0, model.capacity - busy) })),
    segments: [...rest.segments].sort((a, b) => a.firstLayer - b.firstLayer),
    expiresAtMs: rest.issuedAtMs + lifetime,
  }));

const signer = createNobleHybridSigner(new Uint8Array(64).fill(1));
const stranger = createNobleHybridSigner(new Uint8Array(64).fill(2));
const signerId = hashHybridKey(nobleCrypto, signer.publicKey);
const verifier = createNobleHybridSigner(new Uint8Array(64).fill(5));
const payee = createNobleLedgerSigner(new Uint8Array(32).fill(3));
const ledger: LedgerDomain = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(7) };
const now = 1_700_000_000_000;
const bytesOf = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
const failures = ({ checks }: { checks: readonly { id: string; status: string }[] }): string[] =>
  checks.filter(({ status }) => status === 'fail').map(({ id }) => id);

describe('announcement', () => {
  const announcement: Announcement = {
    providerId: signerId,
    payee: bytesOf(20, 1),
    endpoint: '127.0.0.1:4540',
    certHash: bytesOf(32, 2),
    verifier: { endpoint: '127.0.0.1:4545', certHash: bytesOf(32, 3), keyHash: bytesOf(32, 4) },
    models: [
      {
        modelId: MODEL,
        modelRoot: bytesOf(32, 5),
        modality: 'text',
        pricePer1kAtomic: 250n,
        contextSize: 2048,
        numericClass: 'llama.cpp-b1/cpu/haswell/reference/q8_0',
        capacity: 4,
        freeCapacity: 3,
      },
      {
        modelId: SECOND_MODEL,
        modelRoot: bytesOf(32, 6),
        modality: 'trajectory',
        pricePer1kAtomic: 1n,
        contextSize: 64,
        numericClass: '',
        capacity: 1,
        freeCapacity: 0,
      },
    ],
    segments: [],
    sequence: 7n,
    issuedAtMs: now,
    expiresAtMs: now + 60_000,
  };
  const paid = {
    ...announcement,
    payee: payee.address,
    verifier: { ...announcement.verifier!, keyHash: hashHybridKey(nobleCrypto, verifier.publicKey) },
  };
  const endorse = (by: typeof verifier, providerId: Uint8Array, change: Partial<EndorsementTerms> = {}) =>
    signEndorsement(by, { providerId, validUntilMs: WORD_UNTIL_MS, classes: [], ...change });
  const verifierEndorsement = endorse(verifier, signerId);
  const payeeWord = signProviderPayee(nobleCrypto, payee, {
    validUntilMs: WORD_UNTIL_MS,
    ledger,
    providerId: signerId,
  });
  const signed = signAnnouncement(signer, paid, { payeeWord, verifierEndorsement });

  it('has one encoding', () => {
    checkCodec(anyAnnouncement, encodeAnnouncement, parseAnnouncement);
    expect(parseAnnouncement(fromHex(vectors.announcement))).toEqual(announcement);
    expect(toHex(encodeAnnouncement(announcement))).toBe(vectors.announcement);
    const { providerId, validUntilMs, classes: named, message } = verifierVectors.endorsement;
    const classes = named.map(({ modelRoot, numericClass }) => ({ modelRoot: fromHex(modelRoot), numericClass }));
    const word = { providerId: fromHex(providerId), validUntilMs, classes };
    expect(toHex(encodeEndorsement(word))).toBe(message);
    expect(parseEndorsement(fromHex(message))).toEqual(word);
  });

  const verify = (change: Partial<typeof signed>, other: { nowMs?: number; previousSequence?: bigint } = {}) =>
    failures(verifyAnnouncement(nobleCrypto, { ...signed, ...change }, { ledger, nowMs: now, ...other }));

  it('verifies for its own provider, in time, in sequence', () => {
    expect(verify({}, { previousSequence: 6n })).toEqual([]);
    expect(verify({})).toEqual([]);
    expect(verify({}, { previousSequence: 7n })).toEqual(['announcement-sequence']);
    expect(verify({ announcement: signed.announcement.subarray(1) })).toEqual(['announcement-encoding']);
    expect(verify(signAnnouncement(stranger, paid, { payeeWord, verifierEndorsement }))).toEqual([
      'announcement-identity',
    ]);
    expect(verify({ signature: stranger.sign(signed.announcement) })).toEqual(['announcement-signature']);
    expect(verify({}, { nowMs: now - 30_001 })).toEqual(['announcement-issued']);
    expect(verify({}, { nowMs: now + 90_000 })).toEqual(['announcement-expiry']);
  });

  it('verifies only if its payee signed for this provider on these contracts', () => {
    const signFor = (change: Partial<Parameters<typeof signProviderPayee>[2]>, by = payee) =>
      signProviderPayee(nobleCrypto, by, { validUntilMs: WORD_UNTIL_MS, ledger, providerId: signerId, ...change });
    const refused = ['announcement-payee'];
    const other = createNobleLedgerSigner(new Uint8Array(32).fill(4));
    expect(verify({ payeeWord: signFor({}, other) })).toEqual(refused);
    const strangerId = hashHybridKey(nobleCrypto, stranger.publicKey);
    expect(verify({ payeeWord: signFor({ providerId: strangerId }) })).toEqual(refused);
    expect(verify({ payeeWord: signFor({ ledger: { ...ledger, chainId: 1n } }) })).toEqual(refused);
    const elsewhere = { ...ledger, verifyingContract: new Uint8Array(20).fill(8) };
    expect(verify({ payeeWord: signFor({ ledger: elsewhere }) })).toEqual(refused);
    for (const cut of [new Uint8Array(0), payeeWord.subarray(1), new Uint8Array(65)]) {
      expect(verify({ payeeWord: cut })).toEqual(refused);
    }
    // A payee's signature for one key does not carry over to another key.
    const mine = { payeeWord, verifierEndorsement: endorse(verifier, strangerId) };
    expect(verify(signAnnouncement(stranger, { ...paid, providerId: strangerId }, mine))).toEqual(refused);
    const renamed = signAnnouncement(signer, { ...paid, payee: other.address }, { payeeWord, verifierEndorsement });
    expect(verify(renamed)).toEqual(refused);
  });

  it('verifies if its verifier signed for this provider, or if it names no verifier', () => {
    const refused = ['announcement-verifier'];
    expect(verify({ verifierEndorsement: undefined })).toEqual(refused);
    const strangerId = hashHybridKey(nobleCrypto, stranger.publicKey);
    expect(verify({ verifierEndorsement: endorse(verifier, strangerId) })).toEqual(refused);
    expect(verify({ verifierEndorsement: endorse(stranger, signerId) })).toEqual(refused);
    const { word, verifierKey, signature } = verifierEndorsement;
    const bent = signature.map((byte, i) => (i === 70 ? byte ^ 1 : byte));
    for (const wrong of [bent, signature.subarray(1), signature.subarray(0, 64)]) {
      expect(verify({ verifierEndorsement: { word, verifierKey, signature: wrong } })).toEqual(refused);
    }
    // The same key signs commitments and traces. These are no endorsements.
    expect(
      verify({ verifierEndorsement: { word: signerId, verifierKey, signature: verifier.sign(signerId) } }),
    ).toEqual(refused);
    const alone = signAnnouncement(signer, { ...paid, verifier: undefined }, { payeeWord });
    const { ok, checks } = verifyAnnouncement(nobleCrypto, alone, { ledger, nowMs: now });
    expect([ok, checks.find(({ id }) => id === 'announcement-verifier')?.status]).toEqual([true, 'skip']);
  });

  it('verifies only if payee and verifier have signed for its whole life', () => {
    const { expiresAtMs } = paid;
    const give = (validUntilMs: number) => ({
      payeeWord: signProviderPayee(nobleCrypto, payee, { validUntilMs, ledger, providerId: signerId }),
      verifierEndorsement: endorse(verifier, signerId, { validUntilMs }),
    });
    expect(verify(give(expiresAtMs))).toEqual([]);
    expect(verify(give(expiresAtMs - 1))).toEqual(['announcement-payee', 'announcement-verifier']);
    // A thief of the provider's key cannot extend them.
    const { word, ...rest } = give(expiresAtMs - 1).verifierEndorsement;
    const longer = encodeEndorsement({ ...parseEndorsement(word), validUntilMs: expiresAtMs });
    expect(verify({ verifierEndorsement: { ...rest, word: longer } })).toEqual(['announcement-verifier']);
  });

  it.each(['proof'])('offers nothing in tier %s, which no provider can serve', (tier) => {
    const [model] = announcement.models;
    const planned = { ...announcement, models: [{ ...model!, modelId: `ogong/${tier}/a/b` }] };
    expect(() => encodeAnnouncement(planned)).toThrow(`tier ${tier} is not served yet`);
  });

  it('offers tier replay only in an exact class', () => {
    const [model] = announcement.models;
    const offer = { ...model!, modelId: 'ogong/replay/a/b', numericClass: 'llama.cpp-1/cpu/haswell/exact/q8_0/kv-f16' };
    const { models } = parseAnnouncement(encodeAnnouncement({ ...announcement, models: [offer] }));
    expect(models).toEqual([offer]);
  });

  it('may have a standby price for a model', () => {
    const [first, second] = announcement.models as [OfferedModel, OfferedModel];
    const standing = { ...announcement, models: [{ ...first, standbyPer1kAtomic: 0n }, second] };
    const encoded = encodeAnnouncement(standing);
    expect(parseAnnouncement(encoded)).toEqual(standing);
    expect(toHex(encoded)).toBe(vectors.standbyAnnouncement);
  });

  it('may offer layers alone', () => {
    const alone = { ...announcement, models: [], segments: [SEGMENT] };
    expect(parseAnnouncement(encodeAnnouncement(alone))).toEqual(alone);
  });

  describe('of a cohort', () => {
    const [model] = announcement.models as [OfferedModel];
    const other = bytesOf(32, 8);
    const first = { providerId: other, firstLayer: 0, layers: 20, pricePer1kAtomic: 150n };
    const last = { providerId: signerId, firstLayer: 20, layers: 12, pricePer1kAtomic: 100n };
    const offer = (cohort: Partial<CohortOffer>, change: Partial<OfferedModel> = {}): Announcement => ({
      ...announcement,
      models: [{ ...model, cohort: { manifestHash: bytesOf(32, 9), members: [first, last], ...cohort }, ...change }],
      segments: [SEGMENT],
    });

    it('names the members, their layers and their prices', () => {
      const encoded = encodeAnnouncement(offer({}));
      expect(parseAnnouncement(encoded)).toEqual(offer({}));
    });

    it.each<[string, Announcement]>([
      ['a gap', offer({ members: [{ ...first, layers: 19 }, last] })],
      ['an overlap', offer({ members: [{ ...first, layers: 21 }, last] })],
      ['another leader', offer({ members: [first, { ...last, providerId: bytesOf(32, 7) }] })],
      ['a provider twice', offer({ members: [{ ...first, providerId: signerId }, last] })],
      ['a price that is no sum', offer({ members: [{ ...first, pricePer1kAtomic: 151n }, last] })],
      ['one member', offer({ members: [{ ...last, firstLayer: 0, pricePer1kAtomic: 250n }] })],
      ['a standby price', offer({}, { standbyPer1kAtomic: 1n })],
      ['one machine a model', offer({}, { modelId: 'ogong/tee/a/b', numericClass: '' })],
    ])('is refused with %s', (_what, refused) => {
      expect(() => encodeAnnouncement(refused)).toThrow(ProtocolError);
    });

    it('is refused with more members than one announcement may name', () => {
      const members = Array.from({ length: 64 }, (_, i) => ({
        ...{ providerId: i === 63 ? signerId : bytesOf(32, 100 + i), firstLayer: i, layers: 1 },
        pricePer1kAtomic: i === 63 ? 250n : 0n,
      }));
      const models = Array.from({ length: 5 }, (_, i) => ({
        ...{ ...model, modelId: `ogong/verified/a/m${i}` },
        cohort: { manifestHash: bytesOf(32, 9), members },
      }));
      expect(() => encodeAnnouncement({ ...announcement, models })).toThrow('320 members');
      expect(encodeAnnouncement({ ...announcement, models: models.slice(1) }).length).toBeLessThan(20_000);
    });
  });

  it('refuses values out of bounds', () => {
    const [model] = announcement.models;
    for (const change of [
      { models: [] },
      { segments: [SEGMENT, SEGMENT] },
      { segments: [{ ...SEGMENT, firstLayer: 21 }, SEGMENT] },
      { segments: Array.from({ length: 17 }, (_, i) => ({ ...SEGMENT, firstLayer: i })) },
      { segments: [{ ...SEGMENT, layers: 13 }] },
      { segments: [{ ...SEGMENT, layers: 0 }] },
      { segments: [{ ...SEGMENT, firstLayer: 0, layers: 32 }] },
      { segments: [{ ...SEGMENT, freeCapacity: 5 }] },
      { segments: [{ ...SEGMENT, uplinkMbit: 0 }] },
      { segments: [{ ...SEGMENT, modelId: 'ogong/tee/a/b' }] },
      {
        segments: [
          { ...SEGMENT, modelId: 'ogong/replay/a/b', numericClass: 'llama.cpp-1/cpu/haswell/fast/q8_0/kv-f16' },
        ],
      },
      { models: [model!, model!] },
      { models: [{ ...model!, modelId: 'x' }] },
      { models: [{ ...model!, contextSize: 0 }] },
      { models: [{ ...model!, numericClass: 'ü' }] },
      { models: [{ ...model!, modality: '' }] },
      { models: [{ ...model!, modality: 'm'.repeat(33) }] },
      {
        models: [{ ...model!, modelId: 'ogong/replay/a/b', numericClass: 'llama.cpp-1/cpu/haswell/fast/q8_0/kv-f16' }],
      },
      { models: Array.from({ length: 65 }, (_, i) => ({ ...model!, modelId: `ogong/verified/a/${100 + i}` })) },
      { endpoint: '' },
      { endpoint: 'nowhere' },
      { endpoint: 'relay/127.0.0.1:1,127.0.0.1:2' },
      { models: [{ ...model!, freeCapacity: 5 }] },
      { models: [{ ...model!, capacity: 0, freeCapacity: 0 }] },
      { models: [{ ...model!, capacity: 65_536 }] },
      { models: [{ ...model!, standbyPer1kAtomic: 251n }] },
      { models: [{ ...model!, modelId: 'ogong/vanilla/a/b', numericClass: '', standbyPer1kAtomic: 0n }] },
      { expiresAtMs: now },
      { expiresAtMs: now + MAX_ANNOUNCEMENT_LIFETIME_MS + 1 },
      { verifier: { ...announcement.verifier!, endpoint: '\n' } },
    ]) {
      expect(() => encodeAnnouncement({ ...announcement, ...change })).toThrow(ProtocolError);
    }
  });
});
