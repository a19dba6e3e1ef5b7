import type { Store } from '@ogong/host/store/store';
import { type AuditableReply, computeSpeedZ, planAudits } from '@ogong/protocol/audit/audit-plan';
import { computePayeeEvidence } from '@ogong/protocol/audit/payee-test';
import { toHex } from '@ogong/protocol/base/bytes';
import { parseRecordV2 } from '@ogong/protocol/commitment/record';
import { findSubject } from '@ogong/protocol/settlement/log-tests';
import { computeMedian } from '@ogong/protocol/statistics/statistics';
import type { RecordedReply } from '../store/replies/narrow-rows.ts';
import { createTestStates, OWN_TESTS } from '../store/sequential-store.ts';
import { listTestedSpeeds } from '../store/test-store.ts';

export interface Coverage {
  /** Least coverage of every reply, parts per million. Co-signers check it. */
  readonly basePpm: number;
  /** Extra coverage, on average over tokens, for the most suspicious replies. */
  readonly extraPpm: number;
}

const PPM = 1_000_000;
/** Least duration, since a record may claim to have taken no time at all. */
const MIN_SECONDS = 1e-6;

/**
 * Plans the coverage of replies that one beacon decides about, from this validator's own knowledge of them
 * (docs/spec/audit-plan.md). A validator may audit more than base coverage: an extra audit harms nobody, and is checked
 * like any other.
 * @param rows recorded replies.
 * @returns parts per million, in the order given.
 */
export function planCoverage(
  store: Store,
  rows: readonly RecordedReply[],
  { basePpm, extraPpm }: Coverage,
): readonly number[] {
  if (basePpm >= PPM || extraPpm === 0) return rows.map(() => basePpm);
  const testedZ = createTestedZ(store);
  const replies = rows.map((row) => describe(store, row, testedZ));
  const total = replies.reduce((sum, { tokens }) => sum + tokens, 0);
  return planAudits(replies, { basePpm, tokens: Math.round((total * Math.min(PPM, basePpm + extraPpm)) / PPM) });
}

/**
 * Returns the longest time that a reply can have taken by this validator's clock, from its admission to its record. A
 * provider that answers too fast can sign an earlier start. It gains nothing by that, because it must still delay its
 * record. It does not gain by a delayed record either if the payer reports the time of the last token.
 */
function measureSeconds({ admittedAtMs, recordedAtMs, observedMs }: RecordedReply): number {
  // A clock that was set back has measured nothing.
  const ownMs =
    recordedAtMs === undefined || recordedAtMs <= admittedAtMs ? Number.POSITIVE_INFINITY : recordedAtMs - admittedAtMs;
  return Math.min(ownMs, observedMs ?? Number.POSITIVE_INFINITY) / 1_000;
}

/** Least number of tests from which a provider's median is used. */
const LEAST_TESTS = 3;

type TestedZ = (of: { readonly providerId: Uint8Array; readonly modelRoot: Uint8Array }) => number;

/** Returns how far a provider's speed stands out in this validator's own tests. Reads the tests of a model once. */
function createTestedZ(store: Store): TestedZ {
  const byModel = new Map<string, ReadonlyMap<string, number>>();
  const read = (modelRoot: Uint8Array): ReadonlyMap<string, number> => {
    const measured = [...listTestedSpeeds(store, modelRoot)].filter(([, speeds]) => speeds.length >= LEAST_TESTS);
    const medians = measured.map(([id, speeds]) => [id, computeMedian(speeds)] as const);
    const peers = medians.map(([, speed]) => speed);
    return new Map(medians.map(([id, speed]) => [id, computeSpeedZ(speed, peers)]));
  };
  return ({ providerId, modelRoot }) => {
    const model = toHex(modelRoot);
    const known = byModel.get(model) ?? read(modelRoot);
    byModel.set(model, known);
    return known.get(toHex(providerId)) ?? 0;
  };
}

function describe(store: Store, row: RecordedReply, testedZ: TestedZ): AuditableReply {
  const { order, header } = row;
  const record = parseRecordV2(row.record);
  const seconds = Math.max(MIN_SECONDS, Math.min(Number(record.endNs - record.startNs) / 1e9, measureSeconds(row)));
  const { replies: test } = createTestStates(store, OWN_TESTS).find(findSubject(order.providerId, header.payee));
  return {
    tokens: header.promptTokenCount + record.tokenCount,
    feeAtomic: row.feeAtomic ?? 0n,
    model: toHex(order.modelRoot),
    speed: record.tokenCount / seconds,
    testedZ: testedZ(order),
    payeeAudits: test.audits,
    payeeEvidence: computePayeeEvidence(test),
  };
}
