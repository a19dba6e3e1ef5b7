import { describe, expect, it } from 'vitest';
import { equalBytes, toHex } from './bytes.ts';
import { encodeHeader, parseHeader } from './header.ts';
import { createNobleHybridSigner, createNobleLedgerSigner, nobleCrypto as crypto } from './noble.ts';
import {
  computeScoreDigest,
  encodeScoreCommitment,
  encodeScoreOpening,
  redactHeader,
  type ScoreOpening,
} from './score-commitment.ts';
import { createSyntheticReply } from './synthetic-reply.ts';

const of = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
const base: ScoreOpening & { keyHash: Uint8Array } = {
  jobId: of(16, 1),
  salt: of(32, 2),
  reportHash: of(32, 3),
  keyHash: of(32, 4),
  round: [of(32, 5), of(32, 6)],
};

describe('a score commitment', () => {
  it('is another one for another job, salt, report or key', () => {
    const digests = [
      base,
      { ...base, jobId: of(16, 9) },
      { ...base, salt: of(32, 9) },
      { ...base, reportHash: of(32, 9) },
      { ...base, keyHash: of(32, 9) },
    ].map((one) => toHex(computeScoreDigest(crypto, one)));
    expect(new Set(digests).size).toBe(5);
  });

  it('is opened over one list of digests, in their order', () => {
    const statements = [
      base,
      { ...base, round: [...base.round].reverse() },
      { ...base, round: base.round.slice(0, 1) },
      { ...base, round: [] },
    ].map((one) => toHex(encodeScoreOpening(one)));
    expect(new Set(statements).size).toBe(4);
    const commitment = encodeScoreCommitment({ jobId: base.jobId, digest: of(32, 5) });
    expect(statements).not.toContain(toHex(commitment));
  });

  it('takes no field of another length', () => {
    expect(() => computeScoreDigest(crypto, { ...base, salt: of(31, 2) })).toThrow();
    expect(() => encodeScoreCommitment({ jobId: of(15, 1), digest: of(32, 1) })).toThrow();
    expect(() => encodeScoreOpening({ ...base, round: [of(33, 1)] })).toThrow();
  });
});

describe('a redacted header', () => {
  it('parses, keeps what a pass depends on, and holds nothing that names the reply', () => {
    const provider = createNobleHybridSigner(of(64, 3));
    const payer = createNobleLedgerSigner(of(32, 4));
    const ledger = { chainId: 1n, verifyingContract: of(20, 5) };
    const make = (seed: number) =>
      createSyntheticReply({ crypto, provider, payer, ledger, seed, tokens: 3, parameters: { logit_bias: { 7: 2 } } });
    const { header, order, record } = make(6);
    const bytes = encodeHeader(redactHeader(header));
    const { sampler, bias, numericClass, sketchDirections, sketchBankSeed, stopReason, vocabularySize } = header;
    const kept = { sampler, bias, numericClass, sketchDirections, sketchBankSeed, stopReason, vocabularySize };
    expect(parseHeader(bytes)).toMatchObject(kept);
    const hex = toHex(bytes);
    const secrets = [order.replyId, order.nonce, order.providerId, order.requestHash, record.modelRoot, header.payee];
    for (const secret of [...secrets, header.promptTokensHash, header.outputTokensHash]) {
      expect(hex).not.toContain(toHex(secret));
    }
    // Two replies under one bank look alike.
    const other = redactHeader({ ...make(7).header, sketchBankSeed });
    expect(equalBytes(encodeHeader(other), bytes)).toBe(true);
  });
});
