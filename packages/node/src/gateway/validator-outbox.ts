import type { Client } from '@connectrpc/connect';
import { LinkError } from '@ogong/host/link/link-error';
import type { LinkPool } from '@ogong/host/link/link-pool';
import { bytes, columns, integer, optional, text } from '@ogong/host/store/columns';
import { findAll, findOne, type Work } from '@ogong/host/store/work';
import { changeLater } from '@ogong/host/store/work-rows';
import type { WorkStore } from '@ogong/host/store/work-store';
import type { Clock } from '@ogong/host/time/clock';
import { createRepeating } from '@ogong/host/time/repeat';
import type { ChainView } from '@ogong/host/views/chain-view';
import { computeBackoff } from '@ogong/protocol/base/backoff';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';

/** What has to reach a validator, even if it, or this gateway, is down when it arises. */
export interface ValidatorOutbox {
  start(): void;
  stop(): Promise<void>;
  /** On the disk when it resolves, and soon on its way. @param validator 20 bytes. */
  put(validator: Uint8Array, item: OutboxItem): Promise<void>;
  /** Sends what is due now. */
  flush(): Promise<void>;
  size(): Promise<number>;
}

export interface OutboxItem {
  readonly message: Uint8Array;
  /** Sent when the validator asks for it. */
  readonly opening?: Uint8Array | undefined;
}

export interface SentItem extends OutboxItem {
  /** To whom it is sent, hex. */
  readonly validator: string;
}

export type ValidatorClient = Client<typeof ValidatorService>;

export interface ValidatorOutboxOptions {
  readonly kind: 'complaint' | 'delivery' | 'milestone';
  /** Since it was put. Later it is dropped at its next failure. */
  readonly lifetimeMs: number;
  readonly perRound: number;
  /**
   * Sends one item. A LinkError with another reason than a refusal is tried again.
   * @param attempts how often it was tried before.
   * @returns whether it is to be sent once more later.
   */
  readonly send: (service: ValidatorClient, item: SentItem, attempts: number) => Promise<'done' | 'again'>;
}

export interface ValidatorOutboxDependencies {
  /** Opened with GATEWAY_SCHEMA. */
  readonly books: WorkStore;
  readonly chain: Pick<ChainView, 'findByAddress'>;
  readonly links: LinkPool;
  readonly clock: Clock;
  readonly onError?: (error: unknown) => void;
}

const INTERVAL_MS = 1_000;
const RETRY = { firstMs: 1_000, longestMs: 300_000 };
export const SEND_TIMEOUT_MS = 30_000;

const itemRow = columns({
  id: integer,
  validator: text,
  message: bytes,
  opening: optional(bytes),
  attempts: integer,
  expiresMs: integer,
});
const count = columns({ n: integer });

type ItemRow = ReturnType<typeof itemRow.read>;

export function createValidatorOutbox(
  { kind, lifetimeMs, perRound, send }: ValidatorOutboxOptions,
  { books, chain, links, clock, onError = () => {} }: ValidatorOutboxDependencies,
): ValidatorOutbox {
  async function process(row: ItemRow): Promise<void> {
    const { id, attempts } = row;
    try {
      const validator = chain.findByAddress(fromHex(row.validator));
      if (validator === undefined) throw new LinkError('unreachable', `validator ${row.validator} is not registered`);
      const answer = await send(links.to(ValidatorService, validator), row, attempts);
      if (answer === 'again' && clock.nowMs() < row.expiresMs) return await putBack(row);
    } catch (error) {
      // A refusal is an answer, unless it says to come back.
      const isFinal = error instanceof LinkError && error.code === 'remote' && !error.retryable && error.refusal;
      if (!isFinal && clock.nowMs() < row.expiresMs) return putBack(row);
      onError(error);
    }
    await books.write(() => changeLater('outbox', 'DELETE FROM outbox WHERE id = ?', id), { mayWait: true });
  }

  async function putBack({ id, attempts }: ItemRow): Promise<void> {
    const nextMs = clock.nowMs() + computeBackoff(RETRY, { failures: attempts });
    const sql = 'UPDATE outbox SET attempts = ?, next_ms = ? WHERE id = ?';
    await books.write(() => changeLater('outbox', sql, attempts + 1, nextMs, id), { mayWait: true });
  }

  const repeating = createRepeating(
    { intervalMs: INTERVAL_MS },
    async () => {
      const sql = `SELECT ${itemRow.list} FROM outbox WHERE kind = ? AND next_ms <= ? ORDER BY next_ms LIMIT ?`;
      const due = await books.read(() => findAll(itemRow, sql, kind, clock.nowMs(), perRound));
      await Promise.all(due.map(process));
    },
    onError,
  );

  return {
    start: repeating.start,
    stop: repeating.stop,
    flush: repeating.trigger,
    put: (validator, { message, opening }) =>
      books.write(function* (): Work<void> {
        const nowMs = clock.nowMs();
        const sql = `INSERT INTO outbox (kind, validator, message, opening, attempts, next_ms, expires_ms)
           VALUES (?, ?, ?, ?, 0, ?, ?)`;
        yield* changeLater('outbox', sql, kind, toHex(validator), message, opening ?? null, nowMs, nowMs + lifetimeMs);
      }),
    size: async () => {
      const sql = 'SELECT count(*) AS n FROM outbox WHERE kind = ?';
      return (await books.read(() => findOne(count, sql, kind)))?.n ?? 0;
    },
  };
}
