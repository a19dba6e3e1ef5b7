import { computeAttemptEpoch } from '@ogong/protocol/audit/audit-attempt';
import { isBeyond, isListLacking, isOverstated, listStakeClaims } from '@ogong/protocol/audit/candidate-stakes';
import { toHex } from '@ogong/protocol/base/bytes';
import type { ListedSegment } from '@ogong/protocol/exchange/cohort/listed-segment';
import { CLOCK_TOLERANCE_MS, MAX_ORDER_LIFETIME_MS } from '@ogong/protocol/exchange/limits';
import { type Order, parseOrder } from '@ogong/protocol/exchange/order';
import { computeOrderSpan } from '@ogong/protocol/exchange/order-span';
import type { BatchEntry } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { type CohortTerms, parseCohortAgreement } from '@ogong/protocol/settlement/cohort-agreement';
import type { VerdictEntry } from '@ogong/protocol/settlement/verdict-log';
import { findDrawnSegment, findListedSegment } from '@ogong/protocol/verdict/audit-subject';
import { type AuditEvidence, type EvidenceCandidate, parseEvidence } from '@ogong/protocol/verdict/evidence';
import { listKnown, noStakes } from '../../store/candidates.ts';
import { CosignError, demand } from './cosign-error.ts';
import type { CosignState } from './cosign-state.ts';

type ListState = Pick<
  CosignState,
  'crypto' | 'clock' | 'store' | 'getBeacon' | 'stakedOf' | 'stakeOf' | 'requiredStakes'
>;

/**
 * Checks that the proposer may have had the lists of a batch's entries, by this validator's own announcements and
 * readings (docs/spec/candidate-lists.md).
 * @param entries of the batch.
 * @returns a function that checks the lists of one entry, after its other checks. It throws CosignError. Its result
 * says whether all lists of the entry could be compared: if no staked verifier is known here, the rule says nothing.
 */
export function createListCheck(state: ListState, entries: readonly VerdictEntry[]) {
  const { stakedOf } = state;
  // Silence in the batch itself has lowered a payee's stake for the proposer, and not yet for this validator.
  const marks = entries.flatMap(({ verifiers }) => verifiers.filter(({ outcome }) => outcome === 'silent'));
  const silent = new Set(marks.map(({ payee }) => toHex(payee)));
  const read = new Map<string, Promise<bigint>>();
  const readOnce = (payee: Uint8Array): Promise<bigint> => {
    const staked = read.get(toHex(payee)) ?? stakedOf(payee);
    read.set(toHex(payee), staked);
    return staked;
  };
  return async (
    entry: VerdictEntry,
    { record, evidence }: Pick<BatchEntry, 'record' | 'evidence'>,
  ): Promise<boolean> => {
    const parsed = evidence.length > 0 ? parseEvidence(evidence) : undefined;
    if (parsed?.kind !== 'audit' || record?.order === undefined) return true;
    let isCompared = true;
    const order = parseOrder(record.order.order);
    // An entry with shards had to bring their agreement.
    const cohort = entry.shards.length === 0 ? undefined : parseCohortAgreement(record.cohort).terms;
    for (const [sitting, list] of parsed.lists.entries()) {
      await assertStaked({ ...state, stakedOf: readOnce }, entry, list);
      const settled = parsed.attempts.find((one) => one.sitting < sitting && one.opened !== undefined);
      const subject = settled && { segment: findListedSegment(parsed.lists[settled.sitting]) };
      const isKnown = await assertWhole(state, entry, { order, sitting, list, silent, cohort, settled: subject });
      isCompared &&= isKnown;
    }
    return isCompared;
  };
}

type List = AuditEvidence['lists'][number];

/** Time by which this validator's view of the chain may be behind the proposer's. */
const CHAIN_LAG_MS = MAX_ORDER_LIFETIME_MS;

/**
 * Checks that no payee counts for more than it can have staked, and that each has the required stake. @throws
 * CosignError
 */
async function assertStaked(
  { clock, stakedOf, stakeOf, requiredStakes = () => noStakes }: ListState,
  { index, timeMs }: Pick<VerdictEntry, 'index' | 'timeMs'>,
  list: List,
): Promise<void> {
  const { least } = requiredStakes();
  const claimed = listStakeClaims(list).map((claim) => ({
    payee: claim.payee,
    isWrong: (staked: bigint) => isOverstated(claim, staked),
    why: `counts for ${claim.tokens} tokens that it has not staked`,
  }));
  const asked = list.map(({ payee }) => ({
    payee,
    isWrong: (staked: bigint) => isBeyond(least, staked),
    why: `has not staked the ${least} atomic units that verifiers need`,
  }));
  for (const { payee, isWrong, why } of [...claimed, ...asked]) {
    if (!isWrong(stakeOf(payee))) continue;
    const staked = await stakedOf(payee).catch((cause: unknown) => {
      throw new CosignError('unavailable', `entry ${index}: the stake of a payee cannot be read`, { cause });
    });
    if (!isWrong(staked)) continue;
    const problem = `entry ${index}: payee ${toHex(payee)} ${why}`;
    throw new CosignError(clock.nowMs() - timeMs < CHAIN_LAG_MS ? 'unavailable' : 'refuted', problem);
  }
}

interface ListSubject {
  readonly order: Order;
  readonly sitting: number;
  readonly list: List;
  readonly silent: ReadonlySet<string>;
  /** Terms of the cohort that served; undefined if one provider did. */
  readonly cohort: CohortTerms | undefined;
  /** The subject of the first report of earlier audit attempts, if one was opened. */
  readonly settled: { readonly segment: ListedSegment | undefined } | undefined;
}

/**
 * Checks that the list lacks few of the verifiers that were announced here all the time with their stake. A list of verifiers of one
 * shard also says that nobody verifies the whole model.
 * @returns whether there was a staked verifier. @throws CosignError
 */
async function assertWhole(
  { crypto, store, getBeacon, requiredStakes = () => noStakes }: ListState,
  { index, timeMs, beaconEpoch, payee: server, replyId }: VerdictEntry,
  { order, sitting, list, silent, cohort, settled }: ListSubject,
): Promise<boolean> {
  const beacon = await getBeacon(computeAttemptEpoch(beaconEpoch, sitting)).catch(() => undefined);
  if (beacon === undefined) throw new CosignError('unavailable', `entry ${index}: a beacon of its audit is not known`);
  const { providerId: serverId, modelRoot, expiresAtMs } = order;
  // No order lives longer, so each of these verifiers was announced before this order was made, and until its entry
  // was.
  const { fromMs: sinceMs } = computeOrderSpan({ expiresAtMs }, { toleranceMs: CLOCK_TOLERANCE_MS });
  const cohortIds = cohort?.members.map(({ providerId }) => providerId) ?? [];
  const lacks = (segment: ListedSegment | undefined, present: List): boolean =>
    isListLacking(readKnown(segment), present);
  const readKnown = (segment: ListedSegment | undefined): EvidenceCandidate[] =>
    store.read(() => {
      const uncounted = new Set([...silent, toHex(server)]);
      const query = { modelRoot, segment, serverId, cohortIds, salt: beacon.value, nowMs: timeMs, sinceMs, uncounted };
      return listKnown(store, crypto, { ...query, leastStake: requiredStakes().greatest });
    });
  const problem = `entry ${index}: the list of audit attempt ${sitting} lacks verifiers with most of the stake`;
  // Other checks have found that the candidates of a list hold the layers that are due (assertSubjects).
  const listed = findListedSegment(list) ?? (list.length === 0 ? settled?.segment : undefined);
  const isOpen = settled === undefined && cohort !== undefined;
  const drawn =
    isOpen && list.length === 0 ? findDrawnSegment(crypto, cohort, { beacon: beacon.value, replyId }) : listed;
  demand(!lacks(drawn, list), problem);
  if (isOpen && drawn !== undefined) demand(!lacks(undefined, []), problem);
  return readKnown(drawn).some(({ weight }) => weight > 1n);
}
