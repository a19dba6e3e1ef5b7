import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { encodeDriftTable } from '@ogong/protocol/modality/text/drift/drift-table-bytes';
import { hashDriftTable } from '@ogong/protocol/modality/text/drift/drift-table-signature';
import type { DriftPolicy } from '@ogong/protocol/verdict/drift-policy';
import { type AuditEvidence, encodeDrift, encodeEvidence, parseEvidence } from '@ogong/protocol/verdict/evidence';
import { judge } from '@ogong/protocol/verdict/judge';
import type { JudgementContext } from '@ogong/protocol/verdict/judgement';
import { createTestPolicy } from '@ogong/testing/validator/drift-fixture';
import { createTestValidator, provider } from '@ogong/testing/validator/test-bench';
import { answerHonestly } from '@ogong/testing/validator/test-calls';
import { createTestHybrid } from '@ogong/testing/validator/test-keys';
import type { TestReply } from '@ogong/testing/validator/test-reply';
import { beforeAll, describe, expect, it } from 'vitest';
import { adoptTable, readPolicy } from '../store/drift-store.ts';
import { toClaim } from '../store/replies/reply-store.ts';

const SHARP = 'test-1/js/f64/exact/synthetic/kv-none';
const BLUNT = 'test-1/js/f64/plain/synthetic/kv-none';
const REPLIES = 24;
const names = { v1: SHARP, v2: BLUNT, v3: BLUNT, v4: BLUNT, v5: BLUNT };

/** The provider's class seen e^3 times as far by one class as by another. */
function createPolicy(): DriftPolicy {
  const { note, table, isNamed } = createTestPolicy();
  const [row] = table.rows as [(typeof table.rows)[0]];
  const shift = (values: readonly number[]): number[] => values.map((v) => (Math.abs(v) === 1000 ? v : v + 3));
  const scores = row.scores.map(({ value, low, high }) => ({
    value: shift(value),
    low: shift(low),
    high: shift(high),
  }));
  const rows = [
    { ...row, verifierClass: SHARP },
    { ...row, verifierClass: BLUNT, scores },
  ];
  const changed = { ...table, rows };
  return {
    note: { ...note, tableHash: hashDriftTable(crypto, encodeDriftTable(changed)) },
    table: changed,
    isNamed,
  };
}

const policy = createPolicy();

async function runAudits(drift: DriftPolicy | undefined, replies: number) {
  const served = new Map<string, TestReply>();
  const validator = createTestValidator({ verifiers: answerHonestly(served), audit: { drift } });
  await validator.announce(provider);
  for (const [name, numericClass] of Object.entries(names)) await validator.announceVerifier(name, numericClass);
  const audits: { evidence: AuditEvidence; judged: JudgementContext; bytes: Uint8Array }[] = [];
  for (let number = 0; number < replies; number++) {
    const reply = await validator.deliver(number);
    const { replyId } = reply.reply.record;
    served.set(toHex(replyId), reply);
    await validator.certify();
    await validator.runAudits();
    const row = validator.find(replyId);
    const beaconEpoch = row.beaconEpoch as bigint;
    const beacon = validator.archive.find(beaconEpoch)?.value as Uint8Array;
    const bytes = row.evidence as Uint8Array;
    audits.push({
      bytes,
      evidence: parseEvidence(bytes) as AuditEvidence,
      judged: {
        claim: toClaim(row),
        signed: row.signedRecord as JudgementContext['signed'],
        validator: validator.signer.address,
        draw: { replyId, orderEpoch: beaconEpoch - 4n, beaconEpoch, beacon },
        allowFixedVerifier: false,
        vrfKey: 'believed',
        drift,
      },
    });
  }
  return audits;
}

const sharpId = hashHybridKey(crypto, createTestHybrid('v1').publicKey);
const isSharpFirst = ({ evidence }: { evidence: AuditEvidence }): boolean =>
  equalBytes(evidence.attempts[0]?.verifierId as Uint8Array, sharpId);
const isRefused = (judged: JudgementContext, evidence: AuditEvidence): boolean => {
  try {
    judge(crypto, judged, evidence);
    return false;
  } catch (error) {
    expect(error).toMatchObject({ code: 'wrong-verifier' });
    return true;
  }
};

describe('the draw of verifiers', () => {
  let weighted: Awaited<ReturnType<typeof runAudits>>;
  let even: typeof weighted;
  beforeAll(async () => {
    weighted = await runAudits(policy, REPLIES);
    even = await runAudits(undefined, REPLIES);
  }, 300_000);

  it('asks the class with the least drift from the provider more often than an even draw does, and other classes too', () => {
    const sharp = weighted.filter(isSharpFirst).length;
    expect(sharp).toBeGreaterThan(even.filter(isSharpFirst).length);
    expect(sharp).toBeLessThan(REPLIES);
    expect(new Set(weighted.map(({ evidence }) => toHex(evidence.attempts[0]?.verifierId as Uint8Array))).size).toBe(5);
  });

  it('is repeated by a co-signer with the same table, which refutes an even draw', () => {
    for (const { judged, evidence } of weighted) expect(isRefused(judged, evidence)).toBe(false);
    const refused = even.filter(({ judged, evidence }) => isRefused({ ...judged, drift: policy }, evidence));
    expect(refused.length).toBeGreaterThan(0);
    // The other way about, and where the classes of the candidates were changed.
    expect(weighted.some(({ judged, evidence }) => isRefused({ ...judged, drift: undefined }, evidence))).toBe(true);
    const bent = weighted.filter(({ judged, evidence }) => {
      const lists = evidence.lists.map((list) => list.map((one) => ({ ...one, numericClass: SHARP })));
      return isRefused(judged, { ...evidence, lists });
    });
    expect(bent.length).toBeGreaterThan(0);
  });

  it('is of no evidence of another version, which knew another draw', () => {
    const bytes = encodeEvidence((weighted[0] as (typeof weighted)[number]).evidence);
    expect(new TextDecoder('latin1').decode(bytes.subarray(0, 17))).toBe('ogong-evidence-v1');
    for (const version of ['0', '1', '9']) {
      bytes[17] = version.charCodeAt(0);
      expect(() => parseEvidence(bytes)).toThrow('evidence');
    }
  });
});

describe('the table of a draw', () => {
  it('judges the reply to its end, even if the validator restarts with another table', () => {
    const { store } = createTestValidator({ audit: { drift: policy } });
    const pinned = encodeDrift(policy.note);
    const next = createTestPolicy('other');
    store.transact((db) => adoptTable(db, next, 1));
    const read = (own: DriftPolicy | undefined, drift: Uint8Array | undefined) => readPolicy(store, own, drift);
    for (const own of [next, undefined]) {
      const found = read(own, pinned) as DriftPolicy;
      expect(encodeDriftTable(found.table)).toEqual(encodeDriftTable(policy.table));
      expect(found.note).toEqual(policy.note);
    }
    expect(read(next, undefined)).toBe(next);
    expect(read(next, encodeDrift(undefined))).toBeUndefined();
  });
});
