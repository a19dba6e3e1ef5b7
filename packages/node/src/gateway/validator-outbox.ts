import type { Client } from '@connectrpc/connect';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
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
import { concatBytes, fromHex, toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { WorkShares } from './work-shares.ts';

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
  /** Which of the gateways with these books sends an item again. Default: this one. */
  readonly shares?: Pick<WorkShares, 'isMine'>;
  readonly onError?: (error: unknown) => void;
}

/** With several gateways: how long the one that puts an item has for its first try, before another one takes it for dead. */
const FIRST_TRY_MS = 45_000;
/** How many more due items are read than are sent, since some are another gateway's. */
const READ_MORE = 8;
const INTERVAL_MS = 1_000;
const RETRY = { firstMs: 1_000, longestMs: 300_000 };
export const SEND_TIMEOUT_MS = 30_000;
/** From then on a first try could still run when another gateway begins one: the item waits in the books. */
const FRESH_MS = FIRST_TRY_MS - SEND_TIMEOUT_MS;

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
  { books, chain, links, clock, shares = { isMine: () => true }, onError = () => {} }: ValidatorOutboxDependencies,
): ValidatorOutbox {
  /** What this gateway put and no other one reads yet. */
  const fresh: { readonly row: ItemRow; readonly putMs: number }[] = [];
  /** What the rounds of that time send; the others wait in the books. */
  const maxFresh = perRound * (FRESH_MS / INTERVAL_MS);
  /** On their way there. */
  let coming = 0;
  let putSoFar = 0;

  function takeFresh(): ItemRow[] {
    const sinceMs = clock.nowMs() - FRESH_MS;
    while (fresh[0] !== undefined && fresh[0].putMs <= sinceMs) fresh.shift();
    return fresh.splice(0, perRound).map(({ row }) => row);
  }

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
    const touches = [`outbox ${id}`];
    await books.write(() => changeLater('outbox', 'DELETE FROM outbox WHERE id = ?', id), { mayWait: true, touches });
  }

  async function putBack({ id, attempts }: ItemRow): Promise<void> {
    const nextMs = clock.nowMs() + computeBackoff(RETRY, { failures: attempts });
    const sql = 'UPDATE outbox SET attempts = ?, next_ms = ? WHERE id = ?';
    const touches = [`outbox ${id}`];
    await books.write(() => changeLater('outbox', sql, attempts + 1, nextMs, id), { mayWait: true, touches });
  }

  const repeating = createRepeating(
    { intervalMs: INTERVAL_MS },
    async () => {
      const sql = `SELECT ${itemRow.list} FROM outbox WHERE kind = ? AND next_ms <= ? ORDER BY next_ms LIMIT ?`;
      const limit = books.isShared ? READ_MORE * perRound : perRound;
      const due = await books.read(() => findAll(itemRow, sql, kind, clock.nowMs(), limit));
      const mine = due.filter(({ id }) => shares.isMine(`${kind} ${id}`)).slice(0, perRound);
      await Promise.all([...takeFresh(), ...mine].map(process));
    },
    onError,
  );

  return {
    start: repeating.start,
    stop: repeating.stop,
    flush: repeating.trigger,
    async put(validator, item) {
      const nowMs = clock.nowMs();
      const isFresh = books.isShared && fresh.length + coming < maxFresh;
      const row: ItemRow = {
        id: nameItem({ kind, validator, message: item.message, nowMs, count: putSoFar++ }),
        ...{ validator: toHex(validator), message: item.message, opening: item.opening },
        ...{ attempts: 0, expiresMs: nowMs + lifetimeMs },
      };
      const nextMs = isFresh ? nowMs + FIRST_TRY_MS : nowMs;
      const sql = `INSERT INTO outbox (${itemRow.list}, kind, next_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`;
      const insert = (): Work<void> => changeLater('outbox', sql, ...itemRow.write(row), kind, nextMs);
      if (isFresh) coming++;
      try {
        await books.write(insert, { touches: [`outbox ${row.id}`] });
      } finally {
        if (isFresh) coming--;
      }
      if (isFresh) fresh.push({ row, putMs: nowMs });
    },
    size: async () => {
      const sql = 'SELECT count(*) AS n FROM outbox WHERE kind = ?';
      return (await books.read(() => findOne(count, sql, kind)))?.n ?? 0;
    },
  };
}

/**
 * A number that the item gives itself, so that nobody waits for the database to count; larger than any that an earlier program counted up
 * to. @param count of the items that this gateway put, so that the same one twice has two.
 */
function nameItem({
  kind,
  validator,
  message,
  nowMs,
  count,
}: Pick<OutboxItem, 'message'> &
  Pick<ValidatorOutboxOptions, 'kind'> & { validator: Uint8Array; nowMs: number; count: number }): number {
  const hash = nodeCrypto.sha256(concatBytes(utf8Encode(`${kind} ${nowMs} ${count} `), validator, message));
  const view = new DataView(hash.buffer, hash.byteOffset, 8);
  return 2 ** 47 + Number(view.getBigUint64(0) >> 17n);
}
