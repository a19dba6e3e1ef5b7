import { checkCodec } from '@ogong/testing/protocol/codec-compliance';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import vectors from '../../vectors/ticket.json' with { type: 'json' };
import { ProtocolError, toHex } from '../base/bytes.ts';
import { hashHybridKey } from '../crypto/hybrid.ts';
import { createNobleHybridSigner, nobleCrypto } from '../crypto/noble.ts';
import { computeTicketTimes, encodeTicket, parseTicket, signTicket, type Ticket, verifyTicket } from './ticket.ts';

const MODEL = 'ogong/verified/tinystories/stories260k';
const fixed = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const modelId = fc.constantFrom(MODEL, 'ogong/tee/a/b', 'ogong/vanilla/meta/llama-3.2-1b_q8.0');
const endpoint = fc.stringMatching(/^[a-z0-9.:-]{1,60}$/);
const u128 = fc.bigInt(0n, 2n ** 128n - 1n);
const issued = fc.nat(2 ** 50);

const anyTicket: fc.Arbitrary<Ticket> = fc
  .record({
    router: fixed(20),
    modelId,
    providerId: fixed(32),
    providerEndpoint: endpoint,
    providerCertHash: fixed(32),
    payee: fixed(20),
    modelRoot: fixed(32),
    pricePer1kAtomic: u128,
    contextSize: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
    replyId: fixed(16),
    candidatesHash: fixed(32),
    issuedAtMs: issued,
    lifetime: fc.integer({ min: 1, max: 100_000 }),
  })
  .map(({ lifetime, ...ticket }) => ({ ...ticket, expiresAtMs: ticket.issuedAtMs + lifetime }));

const signer = createNobleHybridSigner(new Uint8Array(64).fill(1));
const stranger = createNobleHybridSigner(new Uint8Array(64).fill(2));
const signerId = hashHybridKey(nobleCrypto, signer.publicKey);
const now = 1_700_000_000_000;
const bytesOf = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
const failures = ({ checks }: { checks: readonly { id: string; status: string }[] }): string[] =>
  checks.filter(({ status }) => status === 'fail').map(({ id }) => id);

describe('ticket', () => {
  const ticket: Ticket = {
    router: bytesOf(20, 1),
    modelId: MODEL,
    providerId: bytesOf(32, 2),
    providerEndpoint: '127.0.0.1:4540',
    providerCertHash: bytesOf(32, 3),
    payee: bytesOf(20, 8),
    modelRoot: bytesOf(32, 4),
    pricePer1kAtomic: 250n,
    contextSize: 2048,
    replyId: bytesOf(16, 5),
    candidatesHash: bytesOf(32, 7),
    issuedAtMs: now,
    expiresAtMs: now + 60_000,
  };
  const signed = signTicket(signer, ticket);
  const context = { nowMs: now, routerId: signerId, replyId: ticket.replyId };

  it('has one encoding', () => {
    checkCodec(anyTicket, encodeTicket, parseTicket);
    expect(toHex(encodeTicket(ticket))).toBe(vectors.ticket);
  });

  it('verifies, and skips checks that the caller does not need', () => {
    expect(verifyTicket(nobleCrypto, signed, context)).toMatchObject({ ok: true, ticket });
    const bare = verifyTicket(nobleCrypto, signed, { nowMs: now });
    expect(bare.ok).toBe(true);
    expect(bare.checks.filter(({ status }) => status === 'skip')).toHaveLength(2);
  });

  it('fails one check per lie', () => {
    const verify = (change: Partial<typeof signed>, other: Partial<typeof context> = {}) =>
      failures(verifyTicket(nobleCrypto, { ...signed, ...change }, { ...context, ...other }));
    expect(verify({ ticket: signed.ticket.subarray(1) })).toEqual(['ticket-encoding']);
    expect(verify({ signature: stranger.sign(signed.ticket) })).toEqual(['ticket-signature']);
    expect(verify({ ticket: encodeTicket({ ...ticket, pricePer1kAtomic: 251n }) })).toEqual(['ticket-signature']);
    expect(verify(signTicket(stranger, ticket))).toEqual(['ticket-router']);
    expect(verify({}, { replyId: bytesOf(16, 9) })).toEqual(['ticket-reply']);
    expect(verify({}, { nowMs: now - 30_001 })).toEqual(['ticket-issued']);
    expect(verify({}, { nowMs: now + 90_000 })).toEqual(['ticket-expiry']);
    expect(verify({}, { nowMs: now + 89_999 })).toEqual([]);
    const longest = { ...ticket, issuedAtMs: ticket.expiresAtMs - 600_000 };
    expect(verify(signTicket(signer, longest))).toEqual([]);
    expect(verify(signTicket(signer, { ...longest, issuedAtMs: longest.issuedAtMs - 1 }))).toEqual(['ticket-lifetime']);
  });

  it('lives no longer than readers allow, for any configuration of a router', () => {
    const lifetimeOf = (ttlMs: number): number => {
      const { issuedAtMs, expiresAtMs } = computeTicketTimes(now + 1_234, ttlMs);
      return expiresAtMs - issuedAtMs;
    };
    expect([120_000, 595_000, 595_001, 86_400_000].map(lifetimeOf)).toEqual([125_000, 600_000, 600_000, 600_000]);
  });

  it('refuses contradictory tickets', () => {
    for (const change of [
      { modelId: 'llama' },
      { providerEndpoint: '' },
      { providerEndpoint: 'a b' },
      { providerEndpoint: 'a'.repeat(256) },
      { expiresAtMs: now },
      { issuedAtMs: -1 },
      { replyId: bytesOf(32, 1) },
    ]) {
      expect(() => encodeTicket({ ...ticket, ...change }), JSON.stringify(Object.keys(change))).toThrow(ProtocolError);
    }
  });
});
