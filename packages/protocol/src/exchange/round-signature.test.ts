import { describe, expect, it } from 'vitest';
import vectors from '../../vectors/verifier.json' with { type: 'json' };
import { fromHex, toHex } from '../base/bytes.ts';
import { createNobleLedgerSigner, nobleCrypto as crypto } from '../crypto/noble.ts';
import { hashJobRound, hashReveal, verifyRoundSignature } from './round-signature.ts';
import { hashAskedJob, hashAskedReport } from './silence.ts';

const fill = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
const { chainId, escrow, validator, job, report } = vectors.silence;
const ledger = { chainId: BigInt(chainId), verifyingContract: fromHex(escrow) };
const asked = { jobId: fromHex(job.jobId), round: report.digests.map((hex) => fromHex(hex)) };

describe("a validator's signature for a round", () => {
  it('matches the vectors', () => {
    const round = hashJobRound(crypto, asked);
    expect(toHex(round)).toBe(report.round);
    expect(toHex(hashReveal(crypto, ledger, { validator: fromHex(validator), round }))).toBe(report.wordDigest);
    const [jobId, keyHash, inputsHash] = [job.jobId, job.keyHash, job.inputsHash].map((hex) => fromHex(hex)) as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ];
    const subject = hashAskedReport(crypto, { job: hashAskedJob(crypto, { jobId, keyHash, inputsHash }), round });
    expect(toHex(subject)).toBe(report.subject);
  });

  it('is for one job, one round in its order, one validator and one chain', () => {
    const signer = createNobleLedgerSigner(fill(32, 5));
    const by = fill(20, 6);
    const word = signer.signDigest(hashReveal(crypto, ledger, { validator: by, round: hashJobRound(crypto, asked) }));
    const key = { ledger, signingKey: signer.address };
    const said = { ...asked, validator: by, word };
    expect(verifyRoundSignature(crypto, key, said)).toBe(true);
    const others = [
      { jobId: fill(16, 1) },
      { round: asked.round.toReversed() },
      { round: asked.round.slice(1) },
      { validator: fill(20, 7) },
      { word: word.slice(1) },
    ];
    for (const other of others) expect(verifyRoundSignature(crypto, key, { ...said, ...other })).toBe(false);
    expect(verifyRoundSignature(crypto, { ...key, signingKey: by }, said)).toBe(false);
    expect(verifyRoundSignature(crypto, { ...key, ledger: { ...ledger, chainId: 1n } }, said)).toBe(false);
  });
});
