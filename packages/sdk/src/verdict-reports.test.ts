import { concatBytes, utf8Encode } from '@ogong/protocol/base/bytes';
import { encodeDomain } from '@ogong/protocol/base/canonical';
import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import {
  EARLIER_ENTRY_TAG,
  encodeVerdictEntry,
  parseSettledEntry,
  parseVerdictEntry,
  type VerdictEntry,
} from '@ogong/protocol/settlement/verdict-log';
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

/** As the format before wrote it: without the empty list of shards and the tokens of the one verifier. */
function toEarlier(logEntry: Uint8Array): Uint8Array {
  const domain = encodeDomain(EARLIER_ENTRY_TAG);
  const shards = domain.length + 214;
  const tokens = shards + 2 + 32 + 20 + 1;
  const parts = [logEntry.subarray(domain.length, shards), logEntry.subarray(shards + 1, tokens)];
  return concatBytes(domain, ...parts, logEntry.subarray(tokens + 4));
}

/** With other evidence, and a log that names it. */
const verifyWith = (change: Partial<AuditEvidence>) => {
  const bytes = encodeEvidence({ ...evidence, ...change });
  const logEntry = encodeVerdictEntry({ ...entry, evidenceHash: crypto.sha256(bytes) });
  return verifyVerdict({ ...verdict, logEntry, evidence: bytes }, trust);
};

describe('an accept that rests on the report of a verifier', () => {
  it('holds by the report, and names who made it', async () => {
    const { ok, judgement } = await verifyVerdict(verdict, trust);
    expect(ok).toBe(true);
    expect(judgement).toMatchObject({ verdict: 'accept', evidence: 'exact', verifiers: entry.verifiers });
    expect(entry.verifiers).toHaveLength(1);
    expect(judgement?.checks).toContainEqual(expect.objectContaining({ id: 'equality', status: 'pass' }));
  });

  it('holds in the format of earlier logs, which says of no verifier how many tokens it checked', async () => {
    const earlier = toEarlier(verdict.logEntry);
    const verifiers = entry.verifiers.map((mark) => ({ ...mark, tokens: 1 }));
    expect(parseSettledEntry(earlier)).toEqual({ ...entry, verifiers });
    expect((await verifyVerdict({ ...verdict, logEntry: earlier }, trust)).checks).toEqual(
      (await verifyVerdict(verdict, trust)).checks,
    );
    // In the present format such an entry is a lie.
    const present = encodeVerdictEntry({ ...entry, verifiers } as VerdictEntry);
    expect((await verifyVerdict({ ...verdict, logEntry: present }, trust)).ok).toBe(false);
  });

  it('is not judged again by evidence in an earlier format, where its entry is in one, too', async () => {
    const tag = utf8Encode('ogong-evidence-v14\n');
    const bytes = concatBytes(tag, verdict.evidence.subarray(tag.length));
    const logEntry = encodeVerdictEntry({ ...entry, evidenceHash: crypto.sha256(bytes) });
    const earlier = { ...verdict, evidence: bytes, logEntry: toEarlier(logEntry) };
    const { ok, checks, judgement } = await verifyVerdict(earlier, trust);
    expect([ok, judgement]).toEqual([true, undefined]);
    expect(checks).toEqual([expect.objectContaining({ id: 'verdict', status: 'skip' })]);
    // All else is checked, and nobody skips the evidence of an entry of now.
    const bent = encodeVerdictEntry({ ...entry, evidenceHash: crypto.sha256(bytes), feeAtomic: entry.feeAtomic + 1n });
    for (const other of [logEntry, toEarlier(bent)])
      expect((await verifyVerdict({ ...earlier, logEntry: other }, trust)).ok).toBe(false);
    const unread = { ...earlier, evidence: verdict.evidence };
    expect((await verifyVerdict(unread, trust)).ok).toBe(false);
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
