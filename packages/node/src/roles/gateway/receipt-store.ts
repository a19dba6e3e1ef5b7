import { utf8Decode } from '@ogong/protocol/base/bytes';
import type { Check } from '@ogong/protocol/base/checks';
import { formatPath, GATEWAY_ROUTES } from '@ogong/protocol/http/routes';
import { encodeReceipt, parseReceipt, type Receipt } from '@ogong/protocol/stage1/receipt';
import type { GroupCommit } from '../../store/group-commit.ts';
import type { Store } from '../../store/store.ts';

/** One answer as the gateway gave it, with what proves it. */
export interface StoredReply {
  readonly replyId: string;
  /** Full: with its opening. */
  readonly receipt: Receipt;
  readonly request: Uint8Array;
  readonly response: Uint8Array;
  readonly checks: readonly Check[];
}

export interface ReceiptStore {
  put(reply: StoredReply, nowMs: number): Promise<void>;
  get(replyId: string): StoredReply | undefined;
  getOpening(replyId: string): Uint8Array | undefined;
  /** Drops receipts stored before a time. @returns how many. */
  expire(beforeMs: number): Promise<number>;
}

export const receiptPath = (id: string): string => formatPath(GATEWAY_ROUTES.receipt, { id });

/** The same receipt without its opening, which can be fetched from the gateway. */
export function toCompactReceipt(receipt: Receipt, replyId: string): Receipt {
  return { ...receipt, opening: { url: formatPath(GATEWAY_ROUTES.opening, { id: replyId }) } };
}

export function createReceiptStore(store: Store, group: GroupCommit): ReceiptStore {
  const getOpening = (replyId: string): Uint8Array | undefined =>
    store.read(
      () =>
        store.prepare('SELECT opening FROM receipts WHERE reply_id = ?').get(replyId)?.opening as
          | Uint8Array
          | undefined,
    );
  return {
    put: ({ replyId, receipt, request, response, checks }, nowMs) =>
      group.write(() => {
        if ('url' in receipt.opening) throw new TypeError('only full receipts are stored');
        store
          .prepare(
            `INSERT INTO receipts (reply_id, receipt, opening, request, response, checks, created_ms)
             VALUES (?, ?, ?, ?, ?, ?, ?)`,
          )
          .run(
            replyId,
            encodeReceipt(toCompactReceipt(receipt, replyId)),
            receipt.opening.bytes,
            request,
            response,
            JSON.stringify(checks),
            nowMs,
          );
      }),
    get: (replyId) =>
      store.read(() => {
        const row = store.prepare('SELECT * FROM receipts WHERE reply_id = ?').get(replyId);
        if (row === undefined) return undefined;
        return {
          replyId,
          receipt: {
            ...parseReceipt(utf8Decode(row.receipt as Uint8Array)),
            opening: { bytes: row.opening as Uint8Array },
          },
          request: row.request as Uint8Array,
          response: row.response as Uint8Array,
          checks: JSON.parse(row.checks as string) as Check[],
        };
      }),
    getOpening,
    expire: (beforeMs) =>
      group.write(() => Number(store.prepare('DELETE FROM receipts WHERE created_ms < ?').run(beforeMs).changes)),
  };
}
