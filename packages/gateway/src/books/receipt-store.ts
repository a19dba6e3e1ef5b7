import { bigInteger, bytes, columns, integer, mapped, text } from '@ogong/host/store/columns';
import { change, findAll, findOne, type Work } from '@ogong/host/store/work';
import { findRow, keepRow, type WorkTable } from '@ogong/host/store/work-rows';
import type { WorkOptions, WorkStore } from '@ogong/host/store/work-store';
import { utf8Decode } from '@ogong/protocol/base/bytes';
import type { Check } from '@ogong/protocol/base/checks';
import type { IntakeSignature } from '@ogong/protocol/exchange/intake-receipt';
import { formatPath, GATEWAY_ROUTES, type SettlementType } from '@ogong/protocol/http/routes';
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

/** A validator's signed confirmation that it stored the payer's delivery statement (docs/spec/delivery.md). */
export interface DeliveryConfirmation {
  /** Hex. */
  readonly validator: string;
  readonly delivery: Uint8Array;
  /** 65 bytes, under the delivery. */
  readonly payerSignature: Uint8Array;
  /** 65 bytes, by the validator. */
  readonly signature: Uint8Array;
}

/** A reply with the settlement type of its call. */
export interface NewReply extends StoredReply {
  /** Default: `batch`. */
  readonly settlementType?: SettlementType | undefined;
}

export interface ReceiptStore {
  /** The first one stays. A caller that could not finish all writes of a reply repeats them. */
  put(reply: NewReply, nowMs: number): Promise<void>;
  /** Adds the validator's signature for the record, once it arrives, and the check of it. */
  complete(replyId: string, intake: IntakeSignature, passed: Check): Promise<void>;
  get(replyId: string): Promise<StoredReply | undefined>;
  getOpening(replyId: string): Promise<Uint8Array | undefined>;
  /** Keeps a validator's signed confirmation of the payer's delivery; one for each validator. */
  hold(replyId: string, word: DeliveryConfirmation): Promise<void>;
  listHeld(replyId: string): Promise<readonly DeliveryConfirmation[]>;
  /** Drops receipts stored before a time. @param isArchived drop only archived ones. @returns how many. */
  expire(beforeMs: number, isArchived?: boolean): Promise<number>;
  /** Drops private receipts that were stored before a time, once the verdicts on their replies are known. @returns how many. */
  dropPrivate(beforeMs: number): Promise<number>;
}

export const receiptPath = (id: string): string => formatPath(GATEWAY_ROUTES.receipt, { id });

/** Returns the receipt without its opening, which the gateway serves separately. */
export function toCompactReceipt(receipt: Receipt, replyId: string): Receipt {
  return { ...receipt, opening: { url: formatPath(GATEWAY_ROUTES.opening, { id: replyId }) } };
}

const keptChecks = mapped(text, (json): readonly Check[] => JSON.parse(json), JSON.stringify);
const proven = {
  receipt: mapped(bytes, (json): Receipt => parseReceipt(utf8Decode(json)), encodeReceipt),
  checks: keptChecks,
};
/** A validator's signature for the record, and its passed check. */
const intakeRow = columns({
  replyId: text,
  epoch: bigInteger,
  signature: bytes,
  passed: mapped(text, (json): Check => JSON.parse(json), JSON.stringify),
});
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
const replyIdRow = columns({ replyId: text });
const receiptTable: WorkTable<ReturnType<typeof receiptRow.read>> = {
  ...{ name: 'receipts', key: ['reply_id'], row: receiptRow },
};
const intakeTable: WorkTable<ReturnType<typeof intakeRow.read>> = {
  name: 'intakes',
  key: ['reply_id'],
  row: intakeRow,
};
const replyIdTable: WorkTable<ReturnType<typeof replyIdRow.read>> = { ...receiptTable, row: replyIdRow };
const heldTable: WorkTable<ReturnType<typeof keptHeldRow.read>> = {
  ...{ name: 'held_words', key: ['reply_id', 'validator'], row: keptHeldRow },
};
const privateRow = columns({ replyId: text, createdMs: integer });
const privateTable: WorkTable<ReturnType<typeof privateRow.read>> = {
  ...{ name: 'private_replies', key: ['reply_id'], row: privateRow },
};
/** Condition of a receipt whose call is private. */
export const IS_PRIVATE = 'EXISTS (SELECT 1 FROM private_replies WHERE private_replies.reply_id = receipts.reply_id)';
const openingRow = columns({ opening: bytes });

const touching = (replyId: string): WorkOptions => ({ touches: [`receipt ${replyId}`] });

export function createReceiptStore(books: WorkStore): ReceiptStore {
  return {
    async put({ replyId, receipt, request, response, checks, settlementType }, nowMs) {
      const { opening } = receipt;
      if ('url' in opening) throw new TypeError('only full receipts are stored');
      const row = {
        ...{ replyId, receipt: toCompactReceipt(receipt, replyId), opening: opening.bytes },
        ...{ request, response, checks, createdMs: nowMs },
      };
      await books.write(function* () {
        yield* keepRow(receiptTable, row);
        if (settlementType === 'private') yield* keepRow(privateTable, { replyId, createdMs: nowMs });
      }, touching(replyId));
    },
    complete: (replyId, intake, passed) =>
      books.write(
        function* () {
          // It is dropped with its receipt.
          if ((yield* findRow(replyIdTable, replyId)) === undefined) return;
          const { epoch, signature } = intake;
          yield* keepRow(intakeTable, { replyId, epoch, signature, passed });
        },
        { mayWait: true, ...touching(replyId) },
      ),
    get: (replyId) =>
      books.read(function* () {
        const sql = `SELECT ${receiptRow.list} FROM receipts WHERE reply_id = ?`;
        const row = yield* findOne(receiptRow, sql, replyId);
        if (row === undefined) return undefined;
        const { receipt, opening, request, response, checks } = row;
        const stored = { replyId, receipt: { ...receipt, opening: { bytes: opening } }, request, response, checks };
        const word = yield* findRow(intakeTable, replyId);
        return word === undefined ? stored : complete(stored, word);
      }),
    getOpening: (replyId) =>
      books.read(function* () {
        const row = yield* findOne(openingRow, 'SELECT opening FROM receipts WHERE reply_id = ?', replyId);
        return row?.opening;
      }),
    hold: (replyId, word) =>
      books.write(
        function* () {
          // It is dropped with its receipt.
          if ((yield* findRow(replyIdTable, replyId)) === undefined) return;
          yield* keepRow(heldTable, { replyId, ...word });
        },
        { mayWait: true, ...touching(replyId) },
      ),
    listHeld: (replyId) => {
      const sql = `SELECT ${heldRow.list} FROM held_words WHERE reply_id = ? ORDER BY validator`;
      return books.read(() => findAll(heldRow, sql, replyId));
    },
    expire: (beforeMs, isArchived = false) =>
      books.write(function* () {
        const archived = 'EXISTS (SELECT 1 FROM archived WHERE archived.reply_id = receipts.reply_id)';
        const old = `created_ms < ?${isArchived ? ` AND (${archived} OR ${IS_PRIVATE})` : ''}`;
        return yield* drop(`SELECT reply_id FROM receipts WHERE ${old}`, beforeMs);
      }),
    dropPrivate: (beforeMs) => {
      const open = "SELECT 1 FROM orders WHERE orders.reply_id = private_replies.reply_id AND orders.state <> 'closed'";
      const due = `SELECT reply_id FROM private_replies WHERE created_ms < ? AND NOT EXISTS (${open})`;
      return books.write(() => drop(due, beforeMs));
    },
  };
}

/** Drops receipts with the signatures beside them. @param ids a query for their reply ids, with one parameter. @returns how many. */
function* drop(ids: string, parameter: number): Work<number> {
  yield* change(`DELETE FROM held_words WHERE reply_id IN (${ids})`, parameter);
  yield* change(`DELETE FROM intakes WHERE reply_id IN (${ids})`, parameter);
  const dropped = yield* change(`DELETE FROM receipts WHERE reply_id IN (${ids})`, parameter);
  const left = 'SELECT 1 FROM receipts WHERE receipts.reply_id = private_replies.reply_id';
  yield* change(`DELETE FROM private_replies WHERE NOT EXISTS (${left})`);
  return dropped;
}

/** Answers of an earlier version include the validator's signature already. */
function complete(reply: StoredReply, { epoch, signature, passed }: ReturnType<typeof intakeRow.read>): StoredReply {
  if (reply.receipt.intake !== undefined) return reply;
  return {
    ...reply,
    receipt: { ...reply.receipt, intake: { epoch, signature } },
    checks: reply.checks.map((check) => (check.id === passed.id ? passed : check)),
  };
}
