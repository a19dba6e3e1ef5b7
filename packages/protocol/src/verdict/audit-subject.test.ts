import { createTestCohort } from '@ogong/testing/validator/test-cohort';
import { createTestHybrid } from '@ogong/testing/validator/test-keys';
import { describe, expect, it } from 'vitest';
import { nobleCrypto as crypto } from '../crypto/noble.ts';
import type { ListedSegment } from '../exchange/cohort/listed-segment.ts';
import { assertSubjects, findAuditSubject } from './audit-subject.ts';
import type { EvidenceCandidate } from './evidence.ts';
import type { WeighedReport } from './report-check.ts';

const fill = (value: number, length = 32): Uint8Array => new Uint8Array(length).fill(value);
const { terms } = createTestCohort({
  provider: createTestHybrid('provider'),
  ledger: { chainId: 31_337n, verifyingContract: fill(3, 20) },
  order: {
    fields: { orderHash: fill(1), modelRoot: fill(2), payee: fill(4, 20), replyId: fill(5, 16) },
    request: fill(6),
  },
});
const [first, second] = terms.members.map(({ firstLayer, layers }) => ({
  manifestHash: terms.manifestHash,
  firstLayer,
  layers,
})) as [ListedSegment, ListedSegment];
const draw = { replyId: fill(5, 16), orderEpoch: 1n, beaconEpoch: 5n, beacon: fill(0) };
/** Beacons of the later audit attempts, so that shards 1, 0 and 1 are drawn. */
const context = { draw, laterBeacons: [fill(11), fill(0)], claim: { cohort: terms } };
const nobody = { lists: [], asked: [] };

const listOf = (...segments: readonly (ListedSegment | undefined)[]): EvidenceCandidate[] =>
  segments.map((segment, i) => ({
    ...{ providerId: fill(10 + i), payee: fill(i, 20), keyHash: fill(i), operator: fill(i) },
    ...{ numericClass: 'x', contextSize: 1, weight: 1n, segment },
  }));
const report = { outcome: 'accept' } as WeighedReport;
const askedIn = (sitting: number, weighed: WeighedReport | undefined) => ({
  ...{ verifierId: fill(10), sitting, round: sitting, weighed },
});

describe('the subject of an audit attempt', () => {
  it('is drawn by the beacon of each attempt', () => {
    const subjects = [0, 1, 2].map((sitting) => findAuditSubject(crypto, context, nobody, sitting));
    expect(subjects).toEqual([second, first, second].map((segment) => ({ segment, mayBeWhole: true })));
  });

  it('is the whole model if one provider served', () => {
    expect(findAuditSubject(crypto, { ...context, claim: {} }, nobody, 0)).toEqual({
      segment: undefined,
      mayBeWhole: true,
    });
  });

  it('is settled by the first report', () => {
    const find = (lists: readonly EvidenceCandidate[][], weighed: WeighedReport | undefined) =>
      findAuditSubject(crypto, context, { lists, asked: [askedIn(0, weighed)] }, 1);
    expect(find([listOf(second)], report)).toEqual({ segment: second, mayBeWhole: false });
    expect(find([listOf(undefined)], report)).toEqual({ segment: undefined, mayBeWhole: true });
    expect(find([listOf(second)], undefined)).toEqual({ segment: first, mayBeWhole: true });
  });

  it.each<[string, readonly EvidenceCandidate[][], WeighedReport | undefined]>([
    ['the drawn shards, and nobody', [listOf(second, second), [], listOf(second)], undefined],
    ['the whole model', [listOf(undefined), listOf(first)], undefined],
    ['the shard of the first report', [listOf(second), listOf(second)], report],
  ])('lets a list name verifiers of %s', (_, lists, weighed) => {
    expect(() => assertSubjects(crypto, context, { lists, asked: [askedIn(0, weighed)] })).not.toThrow();
  });

  it.each<[string, readonly EvidenceCandidate[][], WeighedReport | undefined]>([
    ['another shard', [listOf(first)], undefined],
    ['several shards', [listOf(second, first)], undefined],
    ['a shard and the whole model', [listOf(second, undefined)], undefined],
    ['another cut', [listOf({ ...second, manifestHash: fill(9) })], undefined],
    ['the drawn shard behind a report on another', [listOf(second), listOf(first)], report],
    ['the whole model behind a report on a shard', [listOf(second), listOf(undefined)], report],
  ])('lets no list name verifiers of %s', (_, lists, weighed) => {
    const asked = [askedIn(0, weighed)];
    expect(() => assertSubjects(crypto, context, { lists, asked })).toThrow('hold other layers than are due');
  });

  it('is no shard if one provider served', () => {
    const asked = [askedIn(0, undefined)];
    expect(() => assertSubjects(crypto, { ...context, claim: {} }, { lists: [listOf(second)], asked })).toThrow(
      'other layers',
    );
  });
});
