import { createSyntheticReply } from '@ogong/testing/synthetic/synthetic-reply';
import { describe, expect, it } from 'vitest';
import { createNobleHybridSigner, createNobleLedgerSigner, nobleCrypto as crypto } from '../crypto/noble.ts';
import type { ReadReport, VerifierReport } from '../modality/modality.ts';
import {
  encodeScoreReport,
  NO_OTHER_CHOICE,
  NO_STOP_TOKEN,
  NO_TAIL_GAP,
  type ScoreReport,
} from '../modality/text/stage2/score-report.ts';
import type { DriftPolicy } from './drift-policy.ts';
import { type OpenedReply, openReply, readVerifierReport } from './opened-reply.ts';
import { weighReport } from './report-check.ts';

const EXACT = 'synthetic-1/js/f64/exact/q8_0/kv-f16';
const reply = createSyntheticReply({
  crypto,
  provider: createNobleHybridSigner(new Uint8Array(64).fill(1)),
  payer: createNobleLedgerSigner(new Uint8Array(32).fill(2)),
  ledger: { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(3) },
  bend: { header: (header) => ({ ...header, numericClass: EXACT }) },
});
const jobId = new Uint8Array(16).fill(8);
const job = { jobId, draw: new Uint8Array(32), contextSize: 0 };
const encode = (change: Partial<ScoreReport> = {}): Uint8Array =>
  encodeScoreReport({
    jobId,
    modelRoot: reply.record.modelRoot,
    numericClass: reply.header.numericClass,
    exact: true,
    promptTokensHash: reply.header.promptTokensHash,
    promptTokenCount: reply.header.promptTokenCount,
    vocabularyHash: reply.header.vocabularyHash,
    responseHash: reply.record.responseHash,
    firstStopToken: NO_STOP_TOKEN,
    firstOtherChoice: NO_OTHER_CHOICE,
    tailGap: NO_TAIL_GAP,
    contextSize: 256,
    elapsedMs: 12,
    pictureDistance: 0,
    windows: reply.opening.windows,
    edges: [],
    ...change,
  });
const open = (): OpenedReply => openReply(crypto, reply.record, reply.openingBytes) as OpenedReply;
const assertRead = (read: ReadReport): VerifierReport => {
  if ('problem' in read) throw new Error(read.problem);
  return read;
};

describe("a verifier's report on an opened reply", () => {
  it('is parsed once for its bytes and its job, and again for any other', () => {
    const opened = open();
    const first = readVerifierReport(opened, encode(), job);
    expect(readVerifierReport(opened, encode(), job)).toBe(first);
    expect(readVerifierReport(open(), encode(), job)).not.toBe(first);
    expect(readVerifierReport(opened, encode({ elapsedMs: 13 }), job)).not.toBe(first);
    expect(readVerifierReport(opened, encode(), { ...job, jobId: new Uint8Array(16) })).toEqual({
      problem: 'the report answers another job',
    });
    expect(readVerifierReport(opened, encode(), job)).toBe(first);
  });

  const own = reply.header.numericClass;
  it.each<[what: string, endorsedClass: string | undefined, change: Partial<ScoreReport>, isTaken: boolean]>([
    ['in the signed class', own, {}, true],
    ['in another class than the signed one', own, { numericClass: 'x/y', exact: false }, false],
    ['that names the class, and says that it does not repeat it', own, { exact: false }, false],
    ['of a verifier of lanes, which sums in ascending order, too', `${own}/lanes`, {}, true],
    ['of a verifier of lanes that denies this', `${own}/lanes`, { numericClass: `${own}/lanes` }, false],
    ['of a verifier that signed for another class', 'x/y', { numericClass: 'x/y', exact: false }, true],
    ['of a verifier without a signed class', undefined, { exact: false }, true],
    ['that had no room for anything', own, { exact: false, windows: [], contextSize: 0 }, true],
  ])('%s', (_what, endorsedClass, change, isTaken) => {
    const read = readVerifierReport(open(), encode(change), { ...job, endorsedClass });
    if (isTaken) expect(read).not.toHaveProperty('problem');
    else expect(read).toMatchObject({ problem: expect.stringContaining('denies it') });
  });

  it('is weighed once by the same table, and anew by another', () => {
    let count = 0;
    const read = assertRead(readVerifierReport(open(), encode(), job));
    const report: VerifierReport = {
      ...read,
      weigh(policy) {
        count++;
        return read.weigh(policy);
      },
    };
    const first = weighReport(report, undefined);
    expect(first).toMatchObject({ outcome: 'accept', exact: true });
    expect(weighReport(report, undefined)).toBe(first);
    expect(count).toBe(1);
    const note = { tableHash: new Uint8Array(32), rejectPpb: 1, doubtPpb: 2, extrapolate: false };
    const table = { version: 1, previous: new Uint8Array(32), families: [], rows: [] };
    const policy: DriftPolicy = { note, table, isNamed: false };
    weighReport(report, policy);
    weighReport(report, policy);
    expect(count).toBe(2);
    // A report with other bytes is a different report.
    const lie = readVerifierReport(open(), encode({ responseHash: new Uint8Array(32) }), job);
    expect(weighReport(assertRead(lie), undefined).outcome).toBe('reject');
  });
});
