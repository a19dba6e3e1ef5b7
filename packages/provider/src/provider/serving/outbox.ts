import { fromBinary, toBinary } from '@bufbuild/protobuf';
import { LinkError } from '@ogong/host/link/link-error';
import { bigInteger, bytes, columns, integer, optional, text } from '@ogong/host/store/columns';
import type { GroupCommit } from '@ogong/host/store/group-commit';
import type { Store } from '@ogong/host/store/store';
import type { Clock } from '@ogong/host/time/clock';
import { computeBackoff } from '@ogong/protocol/base/backoff';
import { toHex } from '@ogong/protocol/base/bytes';
import type { SignedIntake } from '@ogong/protocol/exchange/intake-receipt';
import { parseOrder } from '@ogong/protocol/exchange/order';
import { type PushRecordRequest, PushRecordRequestSchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';

export interface OutboxOptions {
  /** Records that may wait; a provider that owes more takes no new orders. */
  readonly capacity?: number;
  readonly firstRetryMs?: number;
  readonly maxRetryMs?: number;
  readonly concurrency?: number;
}

export interface OutboxDependencies {
  readonly store: Store;
  readonly commits: GroupCommit;
  readonly clock: Clock;
  /** Delivers one record to the order's validator. @returns its receipt, which was checked. @throws LinkError */
  readonly push: (validator: Uint8Array, message: PushRecordRequest) => Promise<SignedIntake>;
  /** 0..1, for the jitter. */
  readonly random?: () => number;
  /** Called with the number of waiting records, whenever it changes. */
  readonly onSize?: (records: number) => void;
  readonly onPushed?: (replyId: Uint8Array) => void;
  readonly onRetry?: (replyId: Uint8Array, error: unknown) => void;
  /** The validator will never take this record; it stays in the table for the operator. */
  readonly onRefused?: (replyId: Uint8Array, error: unknown) => void;
}

/**
 * Records on their way to validators. A record is signed once, and the same bytes are sent until a validator takes them. So a
 * validator that sees a record twice sees the same bytes. A record that was taken stays, with the receipt, as long as witnesses may
 * ask for it.
 */
export interface Outbox {
  start(): void;
  stop(): Promise<void>;
  isFull(): boolean;
  /** Records that wait, refused ones not counted. */
  size(): number;
  /**
   * Adds a record, or the end of an order in place of one. Durable when it resolves.
   * @param options.delayMs time before it is first sent. Default: 0.
   */
  add(
    replyId: Uint8Array,
    validator: Uint8Array,
    message: PushRecordRequest,
    options?: { readonly delayMs?: number },
  ): Promise<void>;
  /** Keeps the validator's receipt for a record that waits: it is sent no more, unless a power failure comes. */
  settle(receipt: SignedIntake & { readonly replyId: Uint8Array }): Promise<void>;
  /** The record of a reply, and the validator's receipt if it has taken the record in. It is on the disk when it resolves. */
  find(replyId: Uint8Array): Promise<KeptRecord | undefined>;
  /** Removes records of orders that expired before then, except those that still wait for their validators. */
  sweep(beforeMs: number): Promise<void>;
}

/** The provider's evidence of a reply that it served. */
export interface KeptRecord {
  /** The message that is delivered. */
  readonly push: PushRecordRequest;
  readonly intake: Pick<SignedIntake, 'epoch' | 'signature'> | undefined;
}

const entryRow = columns({
  ...{ replyId: bytes, validator: bytes, message: bytes, attempts: integer, expiresAtMs: integer },
});
const receiptRow = columns({
  replyId: bytes,
  validator: bytes,
  orderHash: bytes,
  recordHash: bytes,
  epoch: bigInteger,
  signature: bytes,
  message: bytes,
  expiresAtMs: integer,
});
const messageRow = columns({ message: bytes });
const waitingRow = columns({ message: bytes, expiresAtMs: integer, refused: optional(text) });
const shownRow = columns({ message: bytes, epoch: bigInteger, signature: bytes });
const dueRow = columns({ due: optional(integer) });

type Entry = ReturnType<typeof entryRow.read>;

const NOTHING = new Uint8Array();

export function createOutbox(options: OutboxOptions, dependencies: OutboxDependencies): Outbox {
  const { capacity = 10_000, firstRetryMs = 500, maxRetryMs = 60_000, concurrency = 4 } = options;
  const { store, commits, clock, push, random = Math.random, onSize = () => {} } = dependencies;
  let isStopping = false;
  const sending = new Map<string, Promise<void>>();
  let waiting = store.read(({ prepare }) =>
    Number(prepare('SELECT count(*) AS n FROM outbox WHERE refused IS NULL').get()?.n),
  );
  let loop: Promise<void> | undefined;
  let wake = (): void => {};
  let pausedUntilMs = 0;

  function findDue(limit: number): Entry[] {
    return store.read(({ prepare }) => {
      const due = prepare(
        `SELECT ${entryRow.list} FROM outbox WHERE refused IS NULL AND due_at_ms <= ? ORDER BY due_at_ms LIMIT ?`,
      );
      return entryRow.all(due, clock.nowMs(), limit);
    });
  }

  function findNextDueMs(): number | undefined {
    return store.read(({ prepare }) =>
      dueRow.get(prepare('SELECT min(due_at_ms) AS due FROM outbox WHERE refused IS NULL')),
    )?.due;
  }

  async function send(entry: Entry): Promise<void> {
    const { replyId, validator } = entry;
    let receipt: SignedIntake;
    // A record that has left has its opening: both are on the disk before.
    await commits.synced();
    const message = fromBinary(PushRecordRequestSchema, entry.message);
    try {
      receipt = await push(validator, message);
    } catch (error) {
      if (isFinal(error) || (isUnknown(error) && clock.nowMs() > entry.expiresAtMs)) {
        // Nothing is owed for an end. Its order was never admitted, or has a record.
        const isEnd = message.end !== undefined;
        const { changes } = await commits.write(({ prepare }) =>
          isEnd
            ? prepare('DELETE FROM outbox WHERE reply_id = ?').run(replyId)
            : prepare('UPDATE outbox SET refused = ? WHERE reply_id = ?').run(String(error), replyId),
        );
        // Its receipt may have come by another way meanwhile.
        if (Number(changes) === 0) return;
        onSize(--waiting);
        if (!isEnd) dependencies.onRefused?.(replyId, error);
        return;
      }
      dependencies.onRetry?.(replyId, error);
      const limits = { firstMs: firstRetryMs, longestMs: maxRetryMs };
      const pauseMs = computeBackoff(limits, { failures: entry.attempts, random: random() });
      const dueAtMs = clock.nowMs() + pauseMs;
      await commits.write(({ prepare }) =>
        prepare('UPDATE outbox SET attempts = attempts + 1, due_at_ms = ? WHERE reply_id = ?').run(dueAtMs, replyId),
      );
      return;
    }
    await settle({ ...receipt, replyId });
  }

  async function settle(receipt: SignedIntake & { readonly replyId: Uint8Array }): Promise<void> {
    const { replyId } = receipt;
    const move = (db: Store) => {
      const row = waitingRow.get(db.prepare(`SELECT ${waitingRow.list} FROM outbox WHERE reply_id = ?`), replyId);
      if (row === undefined) return undefined;
      db.prepare('DELETE FROM outbox WHERE reply_id = ?').run(replyId);
      const { message, expiresAtMs } = row;
      receiptRow.insert(db, 'INSERT OR REPLACE INTO intake', { ...receipt, message, expiresAtMs });
      return row;
    };
    // Otherwise it is handed in again, and its validator signs the same again.
    const found = await commits.write(move, { mayBeLost: true });
    if (found === undefined) return;
    if (found.refused === undefined) onSize(--waiting);
    dependencies.onPushed?.(replyId);
  }

  function sendDue(): void {
    if (clock.nowMs() < pausedUntilMs) return;
    for (const entry of findDue(concurrency + sending.size)) {
      if (sending.size >= concurrency) return;
      const name = toHex(entry.replyId);
      if (sending.has(name)) continue;
      const sent = send(entry)
        .catch((error: unknown) => {
          // The result could not be stored, so the record will be sent again. Wait first: otherwise a full disk keeps both
          // sides busy.
          pausedUntilMs = clock.nowMs() + maxRetryMs;
          dependencies.onRetry?.(entry.replyId, error);
        })
        .finally(() => {
          sending.delete(name);
          wake();
        });
      sending.set(name, sent);
    }
  }

  async function run(): Promise<void> {
    while (!isStopping) {
      const woken = new Promise<void>((resolve) => {
        wake = resolve;
      });
      sendDue();
      const nextDueMs = sending.size === 0 ? findNextDueMs() : undefined;
      const dueMs = nextDueMs === undefined ? undefined : Math.max(nextDueMs, pausedUntilMs);
      const pauseMs = dueMs === undefined ? maxRetryMs : Math.max(1, dueMs - clock.nowMs());
      // Not a wait with a signal: its end makes two errors with their stacks, for each record.
      const timer = setTimeout(wake, pauseMs);
      await woken;
      clearTimeout(timer);
    }
    await Promise.allSettled(sending.values());
  }

  return {
    start() {
      onSize(waiting);
      loop ??= run();
    },
    async stop() {
      isStopping = true;
      wake();
      await loop;
    },
    isFull: () => waiting >= capacity,
    size: () => waiting,
    async add(replyId, validator, message, { delayMs = 0 } = {}) {
      const bytes = toBinary(PushRecordRequestSchema, message);
      const expiresAtMs = Number(parseOrder(message.order?.order ?? NOTHING).expiresAtMs);
      await commits.write(({ prepare }) =>
        prepare(
          'INSERT INTO outbox (reply_id, validator, message, due_at_ms, expires_at_ms) VALUES (?, ?, ?, ?, ?)',
        ).run(replyId, validator, bytes, clock.nowMs() + delayMs, expiresAtMs),
      );
      onSize(++waiting);
      wake();
    },
    settle,
    find: (replyId) => commits.read((db) => readKept(db, replyId)),
    async sweep(beforeMs) {
      await commits.write(({ prepare }) => {
        prepare('DELETE FROM outbox WHERE refused IS NOT NULL AND expires_at_ms < ?').run(beforeMs);
        prepare('DELETE FROM intake WHERE expires_at_ms < ?').run(beforeMs);
      });
    },
  };
}

function readKept({ prepare }: Store, replyId: Uint8Array): KeptRecord | undefined {
  const taken = shownRow.get(prepare(`SELECT ${shownRow.list} FROM intake WHERE reply_id = ?`), replyId);
  const message =
    taken?.message ?? messageRow.get(prepare('SELECT message FROM outbox WHERE reply_id = ?'), replyId)?.message;
  return message && { push: fromBinary(PushRecordRequestSchema, message), intake: taken };
}

/** Other errors may go away: a validator restarts, learns of a beacon, or changes its certificate. */
function isFinal(error: unknown): boolean {
  return error instanceof LinkError && (error.refusal === 'invalid' || error.refusal === 'conflict');
}

/** The validator knows no such order. Once it has expired, it is never admitted. */
const isUnknown = (error: unknown): boolean => error instanceof LinkError && error.refusal === 'not-found';
