import type { Store } from '@ogong/host/store/store';
import { toHex } from '@ogong/protocol/base/bytes';
import { hashRecord } from '@ogong/protocol/commitment/record';
import { parseOrder } from '@ogong/protocol/exchange/order';
import { parseCohortAgreement } from '@ogong/protocol/settlement/cohort-agreement';
import { isBillable, type Verdict } from '@ogong/protocol/settlement/verdict-log';
import { MIB } from './route-dependencies.ts';
import { describeDivergence, readDivergence } from './store/divergence-store.ts';
import { readAsks } from './store/replies/opening-store.ts';
import { type ReplyStatusRow, readCohort, readReplyStatus } from './store/replies/reply-store.ts';
import type { VerdictContext } from './store/verdict-store.ts';

/** Limit for the details in one answer about many replies, bytes. */
const STATUSES_ROOM = MIB;

const MAX_U64 = (1n << 64n) - 1n;

/** Lists as many statuses as fit, and at least one. */
export function listStatuses(store: Store, verdicts: VerdictContext, replyIds: readonly Uint8Array[]) {
  const statuses: (ReplyStatusInit | typeof NEVER_ADMITTED)[] = [];
  let sizeBytes = 0;
  for (const replyId of replyIds) {
    const status = readStatus(store, verdicts, replyId);
    sizeBytes += Buffer.byteLength(status?.detail ?? '');
    if (sizeBytes > STATUSES_ROOM && statuses.length > 0) break;
    statuses.push(status ?? NEVER_ADMITTED);
  }
  return statuses;
}

/** Maps a stored state to its public name. */
function toPublicState({ state, verdict }: Pick<ReplyStatusRow, 'state' | 'verdict'>): string {
  if (verdict === 'abandoned' || state === 'refused') return 'abandoned';
  if (state === 'auditing' || state === 'waiting') return 'recorded';
  return state === 'decided' ? 'audited' : state;
}

/** Failed calls to a provider after which its payer is asked for the opening. The first one may be an accident. */
const CALLS_BEFORE_PAYER = 2;

const isOpeningLate = (store: Store, replyId: Uint8Array): boolean =>
  readAsks(store, replyId).asks >= CALLS_BEFORE_PAYER;

type ReplyStatusInit = NonNullable<ReturnType<typeof readStatus>>;

const NEVER_ADMITTED = { state: '' };

/** Lists the provider ids of the shards that a record's agreement names, hex. @returns undefined without an agreement. */
function listShards(store: Store, replyId: Uint8Array): readonly string[] | undefined {
  const agreement = readCohort(store, replyId);
  return agreement && parseCohortAgreement(agreement).terms.members.map(({ providerId }) => toHex(providerId));
}

/** Reads the public status of a reply. Call it inside a read. @returns undefined if no such reply was admitted here. */
export function readStatus(store: Store, { crypto }: Pick<VerdictContext, 'crypto'>, replyId: Uint8Array) {
  const row = readReplyStatus(store, replyId);
  if (row === undefined) return undefined;
  const { verdict = '', checks, sequence, isUncollectable, isVoid, isBurnt, sitting } = row;
  const shards = listShards(store, replyId);
  const divergence = readDivergence(store, replyId);
  const isRefused = row.state === 'refused';
  const isOwed = !isRefused && verdict !== '' && isBillable(verdict as Verdict);
  const fee = isOwed ? (row.feeAtomic ?? 0n) : 0n;
  const batch =
    sequence === undefined
      ? undefined
      : store.prepare('SELECT transaction_hash FROM batches WHERE sequence = ?').get(sequence);
  return {
    state: toPublicState(row),
    verdict,
    detail: JSON.stringify({
      checks: checks === undefined ? [] : JSON.parse(checks),
      feeAtomic: fee.toString(),
      ...(isUncollectable && { isUncollectable }),
      ...(isVoid && { isVoid }),
      ...(isBurnt && { isBurnt }),
      ...(row.state === 'waiting' && { waitsForSitting: sitting }),
      ...(isRefused && { isRefused }),
      ...(shards && { shards }),
      ...(row.state === 'auditing' && isOpeningLate(store, replyId) && { waitsForOpening: true }),
      ...(divergence && { divergence: describeDivergence(divergence) }),
      epoch: parseOrder(row.orderBytes).epoch.toString(),
    }),
    // The field has 64 bits. The detail contains the number at any size.
    feeAtomic: fee > MAX_U64 ? MAX_U64 : fee,
    recordHash: row.record ? hashRecord(crypto, row.record) : new Uint8Array(0),
    transaction: (batch?.transaction_hash as string | null | undefined) ?? '',
  };
}
