import { checkCodec } from '@ogong/testing/protocol/codec-compliance';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import vectors from '../../vectors/log-head.json' with { type: 'json' };
import { fromHex, toHex } from '../base/bytes.ts';
import { hashHybridKey } from '../crypto/hybrid.ts';
import { createNobleHybridSigner, nobleCrypto as crypto } from '../crypto/noble.ts';
import { hashBatchSummary } from './batch.ts';
import {
  buildHeadCertificate,
  encodeHeadCertificate,
  encodeHeadMessage,
  type HeadCertificate,
  type HeadTrust,
  parseHeadCertificate,
  signHead,
  verifyHeadCertificate,
} from './head-certificate.ts';

const whole = parseHeadCertificate(fromHex(vectors.certificate));
const { domain, summary } = whole;
const keys = vectors.seeds.map((seed) => createNobleHybridSigner(fromHex(seed)));
const [first] = keys as [(typeof keys)[number]];
const addresses = vectors.accounts.map((account) => fromHex(account));
const trust: HeadTrust = {
  ...{ domain, validator: summary.validator, totalStake: 40n },
  voters: addresses.map((address, i) => ({
    ...{ address, stake: 10n },
    headKeyHash: keys[i] && hashHybridKey(crypto, keys[i].publicKey),
  })),
};
const failed = (certificate: HeadCertificate, given: HeadTrust = trust): string[] =>
  verifyHeadCertificate(crypto, encodeHeadCertificate(certificate), given)
    .checks.filter(({ status }) => status === 'fail')
    .map(({ id }) => id);
const without = (...indices: readonly number[]): HeadCertificate => ({
  ...whole,
  signatures: whole.signatures.filter((_, i) => !indices.includes(i)),
});
/** Changes the first signature. */
const withFirst = (change: Partial<HeadCertificate['signatures'][number]>): HeadCertificate => ({
  ...whole,
  signatures: whole.signatures.map((one, i) => (i === 0 ? { ...one, ...change } : one)),
});

describe('the certificate of a head', () => {
  it('is canonical, and valid if three of four have signed', () => {
    checkCodec(fc.constant(whole), encodeHeadCertificate, parseHeadCertificate);
    expect(toHex(hashBatchSummary(crypto, domain, summary))).toBe(vectors.digest);
    expect(toHex(encodeHeadMessage(fromHex(vectors.digest)))).toBe(vectors.message);
    const verdict = verifyHeadCertificate(crypto, fromHex(vectors.certificate), trust);
    expect(verdict.ok).toBe(true);
    expect(verdict.head).toMatchObject({ sequence: summary.sequence, logLength: summary.logLength });
  });

  it('needs more than two thirds of all stake', () => {
    expect(failed(without(0))).toEqual(['head-quorum']);
    expect(failed(whole, { ...trust, totalStake: 45n })).toEqual(['head-quorum']);
    expect(failed(whole, { ...trust, voters: trust.voters.slice(1) })).toEqual(['head-quorum']);
  });

  it('needs both signatures of the registered key', () => {
    const { signature } = whole.signatures[0] as HeadCertificate['signatures'][number];
    for (const at of [0, 63, 64, 2_483]) {
      const bent = signature.slice();
      bent[at] = (bent[at] as number) ^ 1;
      expect(failed(withFirst({ signature: bent })), `byte ${at}`).toEqual(['head-quorum']);
    }
    const stranger = createNobleHybridSigner(new Uint8Array(64).fill(9));
    expect(failed(withFirst(signHead(crypto, stranger, whole)))).toEqual(['head-quorum']);
    const nobody = trust.voters.map((voter, i) => (i === 0 ? { ...voter, headKeyHash: undefined } : voter));
    expect(failed(whole, { ...trust, voters: nobody })).toEqual(['head-quorum']);
  });

  it('is about one batch of one log of one network', () => {
    expect(failed(whole, { ...trust, validator: addresses[1] as Uint8Array })).toEqual(['head-log']);
    expect(failed(whole, { ...trust, domain: { ...domain, chainId: domain.chainId + 1n } })).toEqual(['head-log']);
    const batch = { sequence: summary.sequence, logHead: summary.logHead };
    expect(failed(whole, { ...trust, batch })).toEqual([]);
    expect(failed(whole, { ...trust, batch: { ...batch, sequence: 1_000n } })).toEqual(['head-log']);
    expect(failed(whole, { ...trust, batch: { ...batch, logHead: new Uint8Array(32) } })).toEqual(['head-log']);
    // Signatures cover the head, so they do not count for another one.
    const moved = { ...whole, summary: { ...summary, logHead: new Uint8Array(32).fill(1) } };
    expect(failed(moved)).toEqual(['head-quorum']);
    const elsewhere = { ...whole, domain: { ...domain, chainId: domain.chainId + 1n } };
    expect(failed(elsewhere)).toEqual(['head-log', 'head-quorum']);
  });

  it('names each signer once, and has no trailing bytes', () => {
    const twice = { ...whole, signatures: [whole.signatures[0], ...whole.signatures] as typeof whole.signatures };
    expect(() => encodeHeadCertificate(twice)).toThrow();
    const bytes = fromHex(vectors.certificate);
    for (const cut of [0, 20, bytes.length - 1]) {
      expect(verifyHeadCertificate(crypto, bytes.subarray(0, cut), trust).checks).toMatchObject([
        { id: 'head-encoding', status: 'fail' },
      ]);
    }
  });

  it('has no more signatures than it needs, those with the most stake first', () => {
    const fourth = createNobleHybridSigner(new Uint8Array(64).fill(7));
    const signer = addresses[3] as Uint8Array;
    const all = { ...whole, signatures: [...whole.signatures, { signer, ...signHead(crypto, fourth, whole) }] };
    const voters = trust.voters.map((voter, i) =>
      i === 3 ? { ...voter, stake: 30n, headKeyHash: hashHybridKey(crypto, fourth.publicKey) } : voter,
    );
    const built = buildHeadCertificate(crypto, all, { voters, totalStake: 60n });
    expect(built?.signatures.map((one) => toHex(one.signer))).toContain(toHex(signer));
    expect(built?.signatures.length).toBe(3);
    expect(buildHeadCertificate(crypto, without(0), trust)).toBeUndefined();
    expect(first.publicKey.length).toBe(1_344);
  });
});
