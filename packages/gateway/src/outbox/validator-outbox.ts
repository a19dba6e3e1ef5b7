import type { Client } from '@connectrpc/connect';
import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { LinkError, type LinkErrorCode } from '@ogong/host/link/link-error';
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

/** Messages that have to reach validators, even if they, or this gateway, are down at first. */
export interface ValidatorOutbox {
  start(): void;
  stop(): Promise<void>;
  /**
   * Stores an item for all its receivers; it is on the disk when this resolves. It is sent soon after.
   * @param validators of 20 bytes, each once.
   */
  put(validators: readonly Uint8Array[], item: OutboxItem): Promise<void>;
  /** Sends the due items. It waits only for validators that answer soon. */
  flush(): Promise<void>;
  /** Counts the items that some validator has not received yet. */
  size(): Promise<number>;
}

export interface OutboxItem {
  readonly message: Uint8Array;
  /** Sent when the validator asks for it. */
  readonly opening?: Uint8Array | undefined;
}

export interface SentItem extends OutboxItem {
  /** The receiver, hex. */
  readonly validator: string;
}

export type ValidatorClient = Client<typeof ValidatorService>;

export interface ValidatorOutboxOptions {
  readonly kind: 'complaint' | 'delivery' | 'milestone';
  /** Time after which an item is dropped at its next failure. */
  readonly lifetimeMs: number;
  readonly perRound: number;
  /** Time that a round waits for slow validators. Default: 1,000. */
  readonly holdUpMs?: number;
  /** Sends one item. A LinkError other than a refusal is retried. @param attempts number of earlier attempts. */
  readonly send: (service: ValidatorClient, item: SentItem, attempts: number) => Promise<SendOutcome>;
  /**
   * Sends several items of one validator by one call. Default: each by its own call. If one of them is refused or fails, each is
   * sent by itself.
   * @returns outcomes in their order.
   */
  readonly sendTogether?: {
    readonly least: number;
    readonly most: number;
    send(service: ValidatorClient, items: readonly TriedItem[]): Promise<readonly SendOutcome[]>;
  };
}

/** Whether an item is sent once more later. */
export type SendOutcome = 'done' | 'again';

export interface TriedItem extends SentItem {
  /** Number of earlier attempts. */
  readonly attempts: number;
}

export interface ValidatorOutboxDependencies {
  /** Opened with GATEWAY_SCHEMA. */
  readonly books: WorkStore;
  readonly chain: Pick<ChainView, 'findByAddress'>;
  readonly links: LinkPool;
  readonly clock: Clock;
  /** The share of the gateways of this store that resends an item. Default: this one. */
  readonly shares?: Pick<WorkShares, 'isMine'>;
  readonly onError?: (error: unknown) => void;
}

/** With several gateways: time that the gateway of an item has for its first attempt, before another one takes over. */
const FIRST_TRY_MS = 45_000;
/** Factor of read to sent items, since some belong to other gateways. */
const READ_MORE = 8;
const INTERVAL_MS = 1_000;
const RETRY = { firstMs: 1_000, longestMs: 300_000 };
export const SEND_TIMEOUT_MS = 30_000;
/** After that, a first attempt could overlap with one of another gateway, so the item waits in the store. */
const FRESH_MS = FIRST_TRY_MS - SEND_TIMEOUT_MS;

/** Time after which a slow validator no longer holds up deliveries to others. */
const HOLD_UP_MS = 1_000;
/** Rounds whose items may be on their way at once. */
const ROUNDS_RUNNING = 8;

const itemRow = columns({
  id: integer,
  /** Validators that have not received it yet: hex addresses, with commas. */
  validator: text,
  message: bytes,
  opening: optional(bytes),
  attempts: integer,
  expiresMs: integer,
});
const count = columns({ n: integer });

type ItemRow = ReturnType<typeof itemRow.read>;

export function createValidatorOutbox(
  { kind, lifetimeMs, perRound, holdUpMs = HOLD_UP_MS, send, sendTogether }: ValidatorOutboxOptions,
  { books, chain, links, clock, shares = { isMine: () => true }, onError = () => {} }: ValidatorOutboxDependencies,
): ValidatorOutbox {
  /** Items of this gateway that no other gateway reads yet. */
  const fresh: { readonly row: ItemRow; readonly putMs: number }[] = [];
  /** The number of items that the rounds of that time send. The others wait in the store. */
  const maxFresh = perRound * (FRESH_MS / INTERVAL_MS);
  /** Items that are being stored. */
  let coming = 0;
  let putSoFar = 0;

  function takeFresh(room: number): ItemRow[] {
    const sinceMs = clock.nowMs() - FRESH_MS;
    while (fresh[0] !== undefined && fresh[0].putMs <= sinceMs) fresh.shift();
    return fresh.splice(0, Math.min(perRound, room)).map(({ row }) => row);
  }

  const isOver = ({ expiresMs }: ItemRow): boolean => clock.nowMs() >= expiresMs;

  function find(name: string): ValidatorClient {
    const validator = chain.findByAddress(fromHex(name));
    if (validator === undefined) throw new LinkError('unreachable', `validator ${name} is not registered`);
    return links.to(ValidatorService, validator);
  }

  /** @returns whether it has to be sent again. */
  async function tell(name: string, row: ItemRow): Promise<boolean> {
    try {
      const answer = await send(find(name), { ...row, validator: name }, row.attempts);
      return answer === 'again' && !isOver(row);
    } catch (error) {
      // A refusal is a final answer, unless it is retryable.
      const isFinal = isRefusal(error) && !error.retryable;
      if (!isFinal && !isOver(row)) return true;
      onError(error);
      return false;
    }
  }

  /** @returns for each item whether it has to be sent again. */
  async function tellTogether(name: string, rows: readonly ItemRow[]): Promise<readonly boolean[]> {
    const tellEach = () => Promise.all(rows.map((row) => tell(name, row)));
    if (sendTogether === undefined || rows.length < sendTogether.least) return tellEach();
    try {
      const items = rows.map((row) => ({ ...row, validator: name }));
      const answers = await sendTogether.send(find(name), items);
      return rows.map((row, index) => answers[index] !== 'done' && !isOver(row));
    } catch (error) {
      // One item is at fault, or the validator takes no lists. Send each by itself, so that the others need not wait.
      if (error instanceof LinkError && OF_ITS_ITEMS.has(error.code) && !error.retryable) return tellEach();
      return rows.map((row) => {
        if (isOver(row)) onError(error);
        return !isOver(row);
      });
    }
  }

  /** @param left validators that have to receive it again. */
  async function note({ id, attempts }: ItemRow, left: readonly string[]): Promise<void> {
    const options = { mayWait: true, touches: [`outbox ${id}`] };
    if (left.length === 0) {
      await books.write(() => changeLater('outbox', 'DELETE FROM outbox WHERE id = ?', id), options);
      return;
    }
    const nextMs = clock.nowMs() + computeBackoff(RETRY, { failures: attempts });
    const sql = 'UPDATE outbox SET validator = ?, attempts = ?, next_ms = ? WHERE id = ?';
    await books.write(() => changeLater('outbox', sql, left.join(','), attempts + 1, nextMs, id), options);
  }

  /** Items on their way, by their ids. */
  const running = new Map<number, Promise<void>>();

  /** Sends each validator its items, and notes the outcome of each item. */
  function begin(rows: readonly ItemRow[]): Promise<unknown> {
    const lefts = new Map(rows.map((row) => [row, [] as Promise<string | undefined>[]]));
    const pairs = rows.flatMap((row) => row.validator.split(',').map((name) => ({ name, row })));
    for (const [name, ofIt] of Map.groupBy(pairs, (pair) => pair.name)) {
      for (const some of splitList(ofIt, sendTogether?.most ?? 1)) {
        const told = tellTogether(
          name,
          some.map(({ row }) => row),
        );
        for (const [index, { row }] of some.entries())
          lefts.get(row)?.push(told.then((isLeft) => (isLeft[index] ? name : undefined)));
      }
    }
    const works = [...lefts].map(([row, left]) => {
      const work = Promise.all(left)
        .then((names) =>
          note(
            row,
            names.filter((name) => name !== undefined),
          ),
        )
        .catch(onError)
        .finally(() => running.delete(row.id));
      running.set(row.id, work);
      return work;
    });
    return Promise.all(works);
  }

  const repeating = createRepeating(
    { intervalMs: INTERVAL_MS },
    async () => {
      const sql = `SELECT ${itemRow.list} FROM outbox WHERE kind = ? AND next_ms <= ? ORDER BY next_ms LIMIT ?`;
      const limit = running.size + (books.isShared ? READ_MORE * perRound : perRound);
      const due = await books.read(() => findAll(itemRow, sql, kind, clock.nowMs(), limit));
      const room = Math.max(0, ROUNDS_RUNNING * perRound - running.size);
      const mine = due.filter(({ id }) => !running.has(id) && shares.isMine(`${kind} ${id}`)).slice(0, perRound);
      const begun = begin([...takeFresh(room), ...mine].slice(0, room));
      // Not a wait with a signal: its end makes two errors with their stacks, for each round.
      const heldUp = Promise.withResolvers<void>();
      const timer = setTimeout(heldUp.resolve, holdUpMs);
      await Promise.race([begun, heldUp.promise]);
      clearTimeout(timer);
    },
    onError,
  );

  return {
    start: repeating.start,
    async stop() {
      await repeating.stop();
      await Promise.all(running.values());
    },
    flush: repeating.trigger,
    async put(validators, item) {
      const nowMs = clock.nowMs();
      const isFresh = books.isShared && fresh.length + coming < maxFresh;
      const row: ItemRow = {
        id: nameItem({ kind, validators, message: item.message, nowMs, count: putSoFar++ }),
        ...{ validator: validators.map(toHex).join(','), message: item.message, opening: item.opening },
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

/** Error codes that are not about the way to the validator. */
const OF_ITS_ITEMS: ReadonlySet<LinkErrorCode> = new Set(['remote', 'too-large']);

const isRefusal = (error: unknown): error is LinkError =>
  error instanceof LinkError && error.code === 'remote' && error.refusal !== undefined;

function splitList<T>(list: readonly T[], most: number): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(list.length / most) }, (_, i) => list.slice(i * most, (i + 1) * most));
}

/**
 * Returns the item's own number, so that no writer waits for a counter of the database. It is larger than any number of an
 * earlier program. @param count of the items that this gateway put, so that the same one twice has two.
 */
function nameItem({
  kind,
  validators,
  message,
  nowMs,
  count,
}: Pick<OutboxItem, 'message'> &
  Pick<ValidatorOutboxOptions, 'kind'> & { validators: readonly Uint8Array[]; nowMs: number; count: number }): number {
  const hash = nodeCrypto.sha256(concatBytes(utf8Encode(`${kind} ${nowMs} ${count} `), ...validators, message));
  const view = new DataView(hash.buffer, hash.byteOffset, 8);
  return 2 ** 47 + Number(view.getBigUint64(0) >> 17n);
}
