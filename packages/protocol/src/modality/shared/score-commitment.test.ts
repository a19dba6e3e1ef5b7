import { createSyntheticReply } from '@ogong/testing/synthetic/synthetic-reply';
import { describe, expect, it } from 'vitest';
import { equalBytes, toHex } from '../../base/bytes.ts';
import { createNobleHybridSigner, createNobleLedgerSigner, nobleCrypto as crypto } from '../../crypto/noble.ts';
import { encodeHeader, parseHeader } from '../text/commitment/header.ts';
import { redactHeader } from '../text/stage2/redact-header.ts';
import { encodeTextClaim, type TextClaim } from '../text/stage2/text-claim.ts';
import {
  computeScoreDigest,
  encodeScoreCommitment,
  encodeScoreOpening,
  hashScoreInputs,
  type ScoreDigest,
  type ScoreInputs,
  type ScoreOpening,
} from './score-commitment.ts';

const of = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
const base: ScoreOpening & ScoreDigest = {
  jobId: of(16, 1),
  salt: of(32, 2),
  reportHash: of(32, 3),
  keyHash: of(32, 4),
  inputsHash: of(32, 7),
  round: [of(32, 5), of(32, 6)],
};

describe('a score commitment', () => {
  it('changes with job, salt, report, key or inputs', () => {
    const digests = [
      base,
      { ...base, jobId: of(16, 9) },
      { ...base, salt: of(32, 9) },
      { ...base, reportHash: of(32, 9) },
      { ...base, keyHash: of(32, 9) },
      { ...base, inputsHash: of(32, 9) },
    ].map((one) => toHex(computeScoreDigest(crypto, one)));
    expect(new Set(digests).size).toBe(6);
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

  it('refuses fields of another length', () => {
    expect(() => computeScoreDigest(crypto, { ...base, salt: of(31, 2) })).toThrow();
    expect(() => encodeScoreCommitment({ jobId: of(15, 1), digest: of(32, 1) })).toThrow();
    expect(() => encodeScoreOpening({ ...base, round: [of(33, 1)] })).toThrow();
  });
});

describe('the hash of a job', () => {
  const shown: TextClaim = {
    blind: of(32, 8),
    outputTokens: of(8, 3),
    listSizes: of(2, 4),
    shapeClasses: of(2, 1),
    tailDraws: of(8, 5),
  };
  const inputs: ScoreInputs = {
    requestHash: of(32, 1),
    modelRoot: of(32, 7),
    endpoint: 'chat',
    header: of(3, 2),
    sketchBankSeed: of(32, 6),
    ...{ modality: 'text', claim: encodeTextClaim(shown) },
  };
  const show = (bend: Partial<TextClaim>): ScoreInputs => ({
    ...inputs,
    claim: encodeTextClaim({ ...shown, ...bend }),
  });

  it('changes with every byte, and when a byte moves to the neighbouring field', () => {
    const bent: ScoreInputs[] = [
      inputs,
      { ...inputs, requestHash: of(32, 9) },
      { ...inputs, modelRoot: of(32, 9) },
      { ...inputs, endpoint: 'completion' },
      { ...inputs, header: of(3, 9) },
      { ...inputs, sketchBankSeed: of(32, 9) },
      { ...inputs, modality: 'embedding' },
      { ...inputs, claim: new Uint8Array(0) },
      show({ blind: of(32, 9) }),
      show({ outputTokens: of(8, 9) }),
      show({ listSizes: of(2, 9) }),
      show({ shapeClasses: of(2, 2) }),
      show({ shapeClasses: undefined }),
      show({ shapeClasses: new Uint8Array(0) }),
      show({ tailDraws: of(8, 9) }),
      show({ tailDraws: undefined }),
      show({ shapeClasses: undefined, tailDraws: of(2, 1) }),
      show({ outputTokens: of(7, 3), listSizes: Uint8Array.of(3, ...of(2, 4)) }),
    ];
    expect(new Set(bent.map((one) => toHex(hashScoreInputs(crypto, one)))).size).toBe(bent.length);
  });
});

describe('a redacted header', () => {
  it('parses, keeps the inputs of a pass, and does not identify the reply', () => {
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
