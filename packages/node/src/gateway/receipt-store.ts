import { bytes, columns, integer, mapped, text } from '@ogong/host/store/columns';
import type { GroupCommit } from '@ogong/host/store/group-commit';
import type { Store } from '@ogong/host/store/store';
import { utf8Decode } from '@ogong/protocol/base/bytes';
import type { Check } from '@ogong/protocol/base/checks';
import type { IntakeWord } from '@ogong/protocol/exchange/intake-receipt';
import { formatPath, GATEWAY_ROUTES } from '@ogong/protocol/http/routes';
import { encodeReceipt, parseReceipt, type Receipt } from '@ogong/protocol/stage1/receipt';

/** One answer as the gateway gave it, with its proof. */
export interface StoredReply {
  readonly replyId: string;
  /** Full: with its opening. */
  readonly receipt: Receipt;
  readonly request: Uint8Array;
  readonly response: Uint8Array;
  readonly checks: readonly Check[];
}

/** A validator's word for what the payer said that it was given (docs/spec/delivery.md). */
export interface HeldWord {
  /** Hex. */
  readonly validator: string;
  readonly delivery: Uint8Array;
  /** 65 bytes, under the delivery. */
  readonly payerSignature: Uint8Array;
  /** 65 bytes, by the validator. */
  readonly signature: Uint8Array;
}

export interface ReceiptStore {
  put(reply: StoredReply, nowMs: number): Promise<void>;
  /** Adds the validator's word for the record, once it is there, and the check of it. */
  complete(replyId: string, intake: IntakeWord, passed: Check): Promise<void>;
  get(replyId: string): StoredReply | undefined;
  getOpening(replyId: string): Uint8Array | undefined;
  /** Keeps a validator's word that it keeps the payer's delivery; once for each validator. */
  hold(replyId: string, word: HeldWord): Promise<void>;
  listHeld(replyId: string): readonly HeldWord[];
  /** Drops receipts stored before a time. @returns how many. */
  expire(beforeMs: number): Promise<number>;
}

export const receiptPath = (id: string): string => formatPath(GATEWAY_ROUTES.receipt, { id });

/** The same receipt without its opening, which can be fetched from the gateway. */
export function toCompactReceipt(receipt: Receipt, replyId: string): Receipt {
  return { ...receipt, opening: { url: formatPath(GATEWAY_ROUTES.opening, { id: replyId }) } };
}

const proven = {
  receipt: mapped(bytes, (json): Receipt => parseReceipt(utf8Decode(json)), encodeReceipt),
  checks: mapped(text, (json): readonly Check[] => JSON.parse(json), JSON.stringify),
};
const provenRow = columns(proven);
const receiptRow = columns({
  replyId: text,
  ...proven,
  opening: bytes,
  request: bytes,
  response: bytes,
  createdMs: integer,
});
const heldFields = { validator: text, delivery: bytes, payerSignature: bytes, signature: bytes } as const;
const heldRow = columns(heldFields);
const keptHeldRow = columns({ replyId: text, ...heldFields });
const openingRow = columns({ opening: bytes });

export function createReceiptStore(store: Store, group: GroupCommit): ReceiptStore {
  const getOpening = (replyId: string): Uint8Array | undefined =>
    store.read(
      () => openingRow.get(store.prepare('SELECT opening FROM receipts WHERE reply_id = ?'), replyId)?.opening,
    );
  return {
    put: ({ replyId, receipt, request, response, checks }, nowMs) =>
      group.write(() => {
        if ('url' in receipt.opening) throw new TypeError('only full receipts are stored');
        receiptRow.insert(store, 'INSERT INTO receipts', {
          replyId,
          receipt: toCompactReceipt(receipt, replyId),
          opening: receipt.opening.bytes,
          request,
          response,
          checks,
          createdMs: nowMs,
        });
      }),
    complete: (replyId, intake, passed) =>
      group.write(() => {
        const sql = `SELECT ${provenRow.list} FROM receipts WHERE reply_id = ?`;
        const row = provenRow.get(store.prepare(sql), replyId);
        if (row === undefined || row.receipt.intake) return;
        const receipt = encodeReceipt({ ...row.receipt, intake });
        const checks = JSON.stringify(row.checks.map((check) => (check.id === passed.id ? passed : check)));
        store.prepare('UPDATE receipts SET receipt = ?, checks = ? WHERE reply_id = ?').run(receipt, checks, replyId);
      }),
    get: (replyId) =>
      store.read(() => {
        const row = receiptRow.get(
          store.prepare(`SELECT ${receiptRow.list} FROM receipts WHERE reply_id = ?`),
          replyId,
        );
        if (row === undefined) return undefined;
        const { receipt, opening, request, response, checks } = row;
        return { replyId, receipt: { ...receipt, opening: { bytes: opening } }, request, response, checks };
      }),
    getOpening,
    hold: (replyId, word) =>
      group.write(() => {
        // It goes with its receipt.
        if (getOpening(replyId) === undefined) return;
        keptHeldRow.insert(store, 'INSERT OR IGNORE INTO held_words', { replyId, ...word });
      }),
    listHeld: (replyId) =>
      store.read(() =>
        heldRow.all(
          store.prepare(`SELECT ${heldRow.list} FROM held_words WHERE reply_id = ? ORDER BY validator`),
          replyId,
        ),
      ),
    expire: (beforeMs) =>
      group.write(() => {
        const gone = 'SELECT reply_id FROM receipts WHERE created_ms < ?';
        store.prepare(`DELETE FROM held_words WHERE reply_id IN (${gone})`).run(beforeMs);
        return Number(store.prepare('DELETE FROM receipts WHERE created_ms < ?').run(beforeMs).changes);
      }),
  };
}
