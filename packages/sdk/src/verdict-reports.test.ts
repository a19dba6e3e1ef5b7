import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { encodeVerdictEntry, parseVerdictEntry, type VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { type AuditEvidence, encodeEvidence, parseEvidence } from '@ogong/protocol/verdict/evidence';
import { ledger } from '@ogong/testing/validator/test-bench';
import { flip, propose } from '@ogong/testing/validator/test-proposal';
import { beforeAll, describe, expect, it } from 'vitest';
import { type PublicVerdict, type VerdictTrust, verifyVerdict } from './index.ts';

let verdict: PublicVerdict & { readonly logEntry: Uint8Array };
let entry: VerdictEntry;
let evidence: AuditEvidence;
let trust: VerdictTrust;

/** An accepted reply, as a validator hands it to its co-signers. */
beforeAll(async () => {
  const { own, request, clock } = await propose();
  const message = request.entries.find(({ logEntry }) => parseVerdictEntry(logEntry).verdict === 'accept')!;
  const submission = message.record as NonNullable<PublicVerdict['submission']>;
  const { logEntry } = message;
  verdict = { logEntry, order: submission.order, record: submission.record, submission, evidence: message.evidence };
  entry = parseVerdictEntry(logEntry);
  evidence = parseEvidence(message.evidence) as AuditEvidence;
  trust = {
    ...{ ledger, validator: own.signer.address, allowFixedVerifier: false, nowMs: clock.nowMs() },
    findBeacon: async (epoch) => own.archive.find(epoch)!,
    findPolicy: () => undefined,
  };
});

/** With other evidence, and a log that names it. */
const verifyWith = (change: Partial<AuditEvidence>) => {
  const bytes = encodeEvidence({ ...evidence, ...change });
  const logEntry = encodeVerdictEntry({ ...entry, evidenceHash: crypto.sha256(bytes) });
  return verifyVerdict({ ...verdict, logEntry, evidence: bytes }, trust);
};

describe('an accept by the report of a verifier', () => {
  it('is valid by the report, and names its verifier', async () => {
    const { ok, judgement } = await verifyVerdict(verdict, trust);
    expect(ok).toBe(true);
    expect(judgement).toMatchObject({ verdict: 'accept', evidence: 'exact', verifiers: entry.verifiers });
    expect(entry.verifiers).toHaveLength(1);
    expect(judgement?.checks).toContainEqual(expect.objectContaining({ id: 'equality', status: 'pass' }));
  });

  it('does not hold by a report that was changed, or that another verifier made', async () => {
    const [attempt] = evidence.attempts as [AuditEvidence['attempts'][number]];
    const opened = attempt.opened!;
    const bend = (change: Partial<typeof attempt>) => verifyWith({ attempts: [{ ...attempt, ...change }] });
    expect((await verifyWith({})).ok).toBe(true);
    const bent = [
      bend({ opened: { ...opened, report: flip(opened.report) } }),
      bend({ committed: { ...attempt.committed!, signature: flip(attempt.committed!.signature) } }),
      bend({ verifierId: new Uint8Array(32) }),
      bend({ opened: undefined }),
      verifyWith({ attempts: [] }),
      verifyWith({ lists: [] }),
    ];
    for (const { ok } of await Promise.all(bent)) expect(ok).toBe(false);
  });
});
