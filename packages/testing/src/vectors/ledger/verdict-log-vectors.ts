import { computePayeeEvidence } from '@ogong/protocol/audit/payee-test';
import { toHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import {
  type CountedEntry,
  computeBareEValuePpm,
  countEntry,
  createOverlay,
  INITIAL_TESTS,
} from '@ogong/protocol/settlement/log-tests';
import { addSilence, NEVER_SILENT } from '@ogong/protocol/settlement/silence-count';
import { appendVerdict, computeCorrectionId, computeGenesisPosition } from '@ogong/protocol/settlement/verdict-log';

const fill = (length: number, byte: number): Uint8Array => new Uint8Array(length).fill(byte);
const VALIDATOR = fill(20, 0xaa);
const SETTLEMENT = fill(20, 0xab);
const CHAIN_ID = 31_337n;

/**
 * A log of five entries. Two providers served the reply of the second together. The third has verifiers that are refuted, silent
 * or doubted after a honeypot. The fourth reply was abandoned. The fifth is a reject about the first shard of two. Then the name of a correction, and the meaning of a log's
 * entries for the tests of its providers.
 */
export function createVerdictLogVectors(crypto: Crypto): Record<string, unknown> {
  const genesis = computeGenesisPosition(crypto, { chainId: CHAIN_ID, settlement: SETTLEMENT, validator: VALIDATOR });
  const credited = { verifierId: fill(32, 7), payee: fill(20, 10), outcome: 'credited', tokens: 321 } as const;
  const refuted = { verifierId: fill(32, 11), payee: fill(20, 12), outcome: 'refuted' } as const;
  const silent = { verifierId: fill(32, 13), payee: fill(20, 14), outcome: 'silent', halfHour: 944_444 } as const;
  const doubted = { verifierId: fill(32, 17), payee: fill(20, 18), outcome: 'doubted' } as const;
  const cohort = [
    { providerId: fill(32, 15), payee: fill(20, 16), firstLayer: 0, layers: 22, pricePer1kAtomic: 30n },
    { providerId: fill(32, 3), payee: fill(20, 4), firstLayer: 22, layers: 10, pricePer1kAtomic: 70n },
  ];
  const appended = [];
  let position = genesis;
  for (let i = 0; i < 3; i++) {
    const next = appendVerdict(crypto, position, {
      ...{ replyId: fill(16, i), recordHash: fill(32, 2), providerId: fill(32, 3), payee: fill(20, 4) },
      ...{ verdict: 'accept', evidence: 'statistical', feeAtomic: 42n, fineAtomic: 0n },
      ...{ payer: fill(20, 5), router: fill(20, 6), shards: i === 1 ? cohort : [] },
      ...{
        verifiers: i === 2 ? [refuted, credited, silent, doubted] : [credited],
        beaconEpoch: 9n,
        evidenceHash: fill(32, 8),
      },
      ...{ step: 'reply', eValuePpm: 102_040, ejects: false, timeMs: 1_700_000_000_000 },
    });
    appended.push(next);
    position = next.position;
  }
  const abandoned = appendVerdict(crypto, position, {
    ...{ replyId: fill(16, 9), recordHash: fill(32, 0), providerId: fill(32, 3), payee: fill(20, 0) },
    ...{ verdict: 'abandoned', evidence: 'none', feeAtomic: 0n, fineAtomic: 17n },
    ...{ payer: fill(20, 5), router: fill(20, 6), verifiers: [], beaconEpoch: 0n, evidenceHash: fill(32, 8) },
    ...{ step: 'none', eValuePpm: 0, ejects: false, timeMs: 1_700_000_000_001 },
  });
  appended.push(abandoned);
  const blamed = appendVerdict(crypto, abandoned.position, {
    ...{ replyId: fill(16, 10), recordHash: fill(32, 2), providerId: fill(32, 3), payee: fill(20, 4) },
    ...{ verdict: 'reject', evidence: 'statistical', feeAtomic: 0n, fineAtomic: 60n, shards: cohort, culprit: 0 },
    ...{ payer: fill(20, 5), router: fill(20, 6), verifiers: [credited], beaconEpoch: 9n, evidenceHash: fill(32, 8) },
    ...{ step: 'reply', eValuePpm: 45_000_000, ejects: false, timeMs: 1_700_000_000_002 },
  });
  appended.push(blamed);
  const replyId = Uint8Array.from({ length: 16 }, (_, i) => i);
  return {
    'verdict-log': {
      chainId: String(CHAIN_ID),
      settlement: toHex(SETTLEMENT),
      validator: toHex(VALIDATOR),
      genesis: toHex(genesis.head),
      entries: appended.map(({ bytes }) => toHex(bytes)),
      heads: appended.map((one) => toHex(one.position.head)),
      corrections: [{ replyId: toHex(replyId), correctionId: toHex(computeCorrectionId(replyId)) }],
      steps: listSteps(),
      silences: listSilences(),
    },
  };
}

/** A payee that is silent twice in a half hour, out of order, in the fifth of a day, and a day later. */
function listSilences(): readonly unknown[] {
  let state = NEVER_SILENT;
  return [944_444, 944_444, 944_450, 944_446, 944_448, 944_447, 944_491, 944_492, 944_443, 944_600].map((halfHour) => {
    const { isCharged, ...next } = addSilence(state, halfHour);
    state = next.state;
    return { halfHour, isCharged, bits: state.bits.toString(16) };
  });
}

/** A key refuted until its removal, one that was late six times, a third key of the same payee, exact evidence without a payee. */
function listSteps(): readonly unknown[] {
  const payee = fill(20, 9);
  const scored = (key: number, verdict: 'accept' | 'reject' | 'inconclusive', eValuePpm: number): CountedEntry => ({
    ...{ providerId: fill(32, key), payee, verdict, evidence: 'statistical', beaconEpoch: 1n, timeMs: 1 },
    ...{ feeAtomic: verdict === 'reject' ? 0n : 42n, fineAtomic: 0n },
    ...{ step: 'reply', eValuePpm, verifiers: [] },
  });
  const late = (key: number, epoch: number): CountedEntry => ({
    ...{ ...scored(key, 'reject', 0), step: 'late', beaconEpoch: BigInt(epoch) },
  });
  const bare = computeBareEValuePpm('reject');
  const entries: CountedEntry[] = [
    scored(1, 'accept', computeBareEValuePpm('accept')),
    ...Array.from({ length: 4 }, () => scored(1, 'reject', bare)),
    ...[5, 20, 36, 67, 98, 129, 160].map((epoch) => late(2, epoch)),
    scored(3, 'inconclusive', 1_500_000),
    ...Array.from({ length: 3 }, () => scored(3, 'accept', 6_000_000)),
    scored(3, 'accept', 900_000),
    { ...scored(4, 'reject', bare), payee: fill(20, 0), evidence: 'exact' },
    { ...scored(5, 'reject', 0), step: 'none' },
    { ...scored(5, 'accept', 0), verdict: 'unaudited', step: 'none' },
    { ...scored(5, 'accept', 0), verdict: 'unjudged', step: 'none', feeAtomic: 0n, fineAtomic: 60n },
    { ...scored(5, 'accept', 0), verdict: 'unaudited', step: 'none' },
    { ...scored(5, 'accept', 0), verdict: 'abandoned', evidence: 'none', step: 'none', feeAtomic: 0n, fineAtomic: 9n },
    scored(5, 'accept', 900_000),
    ...Array.from({ length: 21 }, () => scored(6, 'accept', 900_000)),
    scored(6, 'inconclusive', 900_000),
    { ...scored(6, 'inconclusive', 900_000), feeAtomic: 0n, fineAtomic: 2_520n },
  ];
  const states = createOverlay({ find: () => INITIAL_TESTS });
  return entries.map((entry) => {
    const ejects = countEntry(states, entry);
    const { verifiers: _verifiers, ...counted } = entry;
    const { credit, debtAtomic } = states.find(entry.providerId).balance;
    return {
      ...{ ...counted, providerId: toHex(entry.providerId), payee: toHex(entry.payee) },
      ...{ beaconEpoch: String(entry.beaconEpoch), feeAtomic: String(entry.feeAtomic) },
      ...{ fineAtomic: String(entry.fineAtomic), ejects },
      balance: { credit, debtAtomic: String(debtAtomic) },
      payeeEvidence: computePayeeEvidence(states.find(payee).replies),
      payeeLateness: computePayeeEvidence(states.find(payee).lateness),
    };
  });
}
