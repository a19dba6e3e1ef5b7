import type { LinkPool } from '@ogong/host/link/link-pool';
import { type Clock, monotonicClock } from '@ogong/host/time/clock';
import { createRepeating, type Repeating } from '@ogong/host/time/repeat';
import type { ChainView } from '@ogong/host/views/chain-view';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { MAX_ASKED_REPLIES } from '@ogong/protocol/exchange/limits';
import type { ReplyStatus } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { ChannelLedger, Closing, UnsettledOrder } from '../books/channel-ledger.ts';
import type { OrderRow } from '../books/order-store.ts';
import { createAskReplies } from './ask-replies.ts';
import { isRefusalCode, UNTAKEN } from './failure-codes.ts';
import { createQuestions } from './verdict-questions.ts';
import type { WorkShares } from './work-shares.ts';

export interface VerdictFeedOptions {
  /** Default: 2,000. */
  readonly intervalMs?: number;
  /** Time after its expiry for which an order without a record keeps its reservation. Default: 60,000. */
  readonly graceMs?: number;
}

export interface VerdictFeedDependencies {
  readonly ledger: Pick<ChannelLedger, 'listUnsettled' | 'findAll' | 'close'>;
  readonly chain: Pick<ChainView, 'findByAddress'>;
  readonly links: LinkPool;
  readonly clock: Clock;
  readonly uptime?: Clock;
  /** The share of the gateways of this ledger that asks about an order. Default: this one. */
  readonly shares?: Pick<WorkShares, 'isMine'>;
  /** Called once if the validator has a record for an order that its provider had refused, before the verdict on it. */
  readonly onServedInSecret?: (order: OrderRow) => Promise<void>;
  /** Called at least once if the validator does not get the opening of a delivered reply from its provider. */
  readonly onOpeningWanted?: (order: OrderRow) => Promise<void>;
  readonly onClosed?: (order: OrderRow, closing: Closing) => void;
  /** Receives the transaction that settled an order. */
  readonly onSettled?: (replyId: string, transaction: string) => void;
  readonly onError?: (error: unknown) => void;
}

/** Orders that one round looks at. */
const PER_ROUND = 16 * MAX_ASKED_REPLIES;
/** Marks an order that will never be settled, so that no validator is asked again. */
export const NO_SETTLEMENT = 'none';
const NEVER_ADMITTED: Closing = {
  ...{ feeAtomic: 0n, verdict: 'never-admitted', detail: '', judgedRecord: '', settlement: NO_SETTLEMENT },
};

/** Reads the verdict on each order, so that reserved money that is not owed becomes free. */
export function createVerdictFeed(
  { intervalMs = 2_000, graceMs = 60_000 }: VerdictFeedOptions,
  {
    ledger,
    chain,
    links,
    clock,
    uptime = monotonicClock,
    shares = { isMine: () => true },
    onServedInSecret = async () => {},
    onOpeningWanted = async () => {},
    onClosed = () => {},
    onSettled = () => {},
    onError = () => {},
  }: VerdictFeedDependencies,
): Repeating {
  let offset = 0;
  /** Ids of unsettled replies whose opening this gateway has handed over since its start. */
  const handed = new Set<string>();
  const questions = createQuestions(intervalMs, uptime);
  const askReplies = createAskReplies({ links, uptime });

  /**
   * Asks about all orders of one validator, as many by one call as it accepts, until it stops answering. A caller that goes on
   * loses its links.
   */
  async function askAbout(address: string, orders: readonly UnsettledOrder[], signal: AbortSignal): Promise<void> {
    const validator = chain.findByAddress(fromHex(address));
    if (validator === undefined) return;
    for (let at = 0; at < orders.length && !signal.aborted; at += MAX_ASKED_REPLIES) {
      const some = orders.slice(at, at + MAX_ASKED_REPLIES);
      const ids = some.map(({ replyId }) => fromHex(replyId));
      const { replies, error } = await askReplies(validator, ids);
      const news = new Map<string, ReplyStatus>();
      for (const [index, order] of some.entries()) {
        const status = replies[index];
        // Orders that the validator did not look at are asked again in the next round.
        if (status !== undefined || (error && error.code !== 'rate-limited')) questions.asked(order.replyId);
        if (status !== undefined && isNews(order, status)) news.set(order.replyId, status);
      }
      await hearAll(news);
      if (error === undefined) continue;
      if (!error.retryable) onError(error);
      return;
    }
  }

  /** Whether an answer may change something. Most answers say that nothing is decided yet, and their orders are not read again. */
  function isNews({ state, expiresMs }: UnsettledOrder, status: ReplyStatus): boolean {
    if (status.state === '') return clock.nowMs() > expiresMs + graceMs;
    const closing = toClosing(status);
    if (closing !== undefined) return state !== 'closed' || closing.settlement !== '';
    return (state === 'open' && hasRecord(status)) || asksForOpening(status);
  }

  async function hearAll(news: ReadonlyMap<string, ReplyStatus>): Promise<void> {
    if (news.size === 0) return;
    const orders = await ledger.findAll([...news.keys()]);
    const heard = orders.map((order) => hear(order, news.get(order.replyId) as ReplyStatus));
    for (const result of await Promise.allSettled(heard)) if (result.status === 'rejected') onError(result.reason);
  }

  async function hear(order: OrderRow, status: ReplyStatus): Promise<void> {
    if (status.state !== '') {
      if (isServedInSecret(order, status)) await onServedInSecret(order);
      if (order.heldRecord !== '' && asksForOpening(status) && !handed.has(order.replyId)) {
        await onOpeningWanted(order);
        handed.add(order.replyId);
      }
      return close(order, toClosing(status));
    }
    if (clock.nowMs() > order.expiresMs + graceMs) await close(order, NEVER_ADMITTED);
  }

  async function close(order: OrderRow, closing: Closing | undefined): Promise<void> {
    if (closing === undefined || (order.state === 'closed' && closing.settlement === '')) return;
    // Another gateway with the same store may have closed it meanwhile.
    if (await ledger.close(order.replyId, closing)) onClosed(order, closing);
    const { settlement } = closing;
    if (settlement !== '') questions.forget(order.replyId);
    handed.delete(order.replyId);
    if (settlement !== '' && settlement !== NO_SETTLEMENT) onSettled(order.replyId, settlement);
  }

  return createRepeating(
    { intervalMs },
    async (signal) => {
      // Each round takes the next orders, so that orders of a dead validator do not block those of a living one.
      const listed = await ledger.listUnsettled(PER_ROUND, offset);
      offset = listed.length < PER_ROUND ? 0 : offset + PER_ROUND;
      const due = listed.filter(({ replyId }) => shares.isMine(replyId) && questions.isDue(replyId));
      const asked = Map.groupBy(due, ({ validator }) => validator);
      const works = [...asked].map(([address, ofIt]) => askAbout(address, ofIt, signal));
      for (const result of await Promise.allSettled(works)) if (result.status === 'rejected') onError(result.reason);
    },
    onError,
  );
}

/** The provider said that it does not serve the order, so its payer bought the answer elsewhere. */
const wasRefused = ({ heldRecord, failure }: OrderRow): boolean => heldRecord === '' && isRefusalCode(failure.code);

/** Whether there is a record for an order that its provider had refused. */
function isServedInSecret(order: OrderRow, status: ReplyStatus): boolean {
  return order.state === 'open' && hasRecord(status) && wasRefused(order);
}

/** Whether the validator has a record and no verdict on it. */
const hasRecord = ({ recordHash, verdict }: ReplyStatus): boolean => verdict === '' && recordHash.length > 0;

/** Whether an audit waits for the opening of a reply. The validator's detail is a JSON object, or nothing. */
function asksForOpening({ verdict, detail }: ReplyStatus): boolean {
  if (verdict !== '' || detail === '') return false;
  try {
    return (JSON.parse(detail) as { waitsForOpening?: unknown } | null)?.waitsForOpening === true;
  } catch {
    return false;
  }
}

/** Whether the verdict bills a refused order, another record than the delivered one, or more than that record costs. */
export function isForAnother(order: OrderRow, { judgedRecord, feeAtomic }: Closing): boolean {
  const { heldRecord, heldFeeAtomic } = order;
  if (feeAtomic === 0n) return false;
  if (heldRecord === '' || heldFeeAtomic === undefined) return wasRefused(order);
  return judgedRecord !== heldRecord || feeAtomic > heldFeeAtomic;
}

/**
 * Whether the verdict bills an order without an answer that its provider had not refused. A slow provider may have made a reply.
 * A provider that does this often sells replies that it does not show. A standby order whose client has left is paid by the rule.
 */
export function isUnanswered({ heldRecord, failure }: OrderRow, { feeAtomic }: Closing): boolean {
  const hasFailed = failure.code !== '' && failure.code !== UNTAKEN && !isRefusalCode(failure.code);
  return feeAtomic > 0n && heldRecord === '' && hasFailed;
}

/** Undefined while the fee may still change. */
export function toClosing({
  state,
  verdict,
  detail,
  feeAtomic,
  recordHash,
  transaction,
}: ReplyStatus): Closing | undefined {
  const judgedRecord = toHex(recordHash);
  if (state === 'abandoned' || verdict === 'reject') {
    const settlement = transaction || NO_SETTLEMENT;
    return { feeAtomic: 0n, verdict: verdict || 'abandoned', detail, judgedRecord, settlement };
  }
  if (verdict === '') return undefined;
  return {
    feeAtomic,
    verdict,
    detail,
    judgedRecord,
    settlement: state === 'settled' ? transaction || NO_SETTLEMENT : '',
  };
}
