import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { LinkError } from '@ogong/host/link/link-error';
import type { LinkPool } from '@ogong/host/link/link-pool';
import { bytes, columns, integer, optional, text } from '@ogong/host/store/columns';
import type { GroupCommit } from '@ogong/host/store/group-commit';
import type { Store } from '@ogong/host/store/store';
import type { Clock } from '@ogong/host/time/clock';
import { createRepeating } from '@ogong/host/time/repeat';
import type { ChainView } from '@ogong/host/views/chain-view';
import { computeBackoff } from '@ogong/protocol/base/backoff';
import { fromHex, toHex } from '@ogong/protocol/base/bytes';
import { ComplainRequestSchema, ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';

type ComplaintInit = MessageInitShape<typeof ComplainRequestSchema>;

export interface OutboxComplaint {
  readonly order: NonNullable<ComplaintInit['order']>;
  readonly reason: string;
  readonly record?: NonNullable<ComplaintInit['record']>;
  /** Sent when the validator asks for it. */
  readonly opening?: { readonly opening: Uint8Array };
}

/** Complaints reach the validator even if it, or this gateway, is down when they arise. */
export interface ComplaintOutbox {
  start(): void;
  stop(): Promise<void>;
  /** On the disk when it resolves. @param validator 20 bytes. */
  put(validator: Uint8Array, complaint: OutboxComplaint): Promise<void>;
  /** Sends what is due now. */
  flush(): Promise<void>;
  size(): number;
}

export interface ComplaintOutboxDependencies {
  readonly store: Store;
  readonly group: GroupCommit;
  readonly chain: Pick<ChainView, 'findByAddress'>;
  readonly links: LinkPool;
  readonly clock: Clock;
  readonly onSent?: (reason: string, outcome: string) => void;
  readonly onError?: (error: unknown) => void;
}

const INTERVAL_MS = 1_000;
const RETRY = { firstMs: 1_000, longestMs: 300_000 };
const LIFETIME_MS = 7 * 24 * 3_600_000;
const PER_ROUND = 16;
const SEND_TIMEOUT_MS = 30_000;

const complaintRow = columns({
  id: integer,
  validator: text,
  message: bytes,
  opening: optional(bytes),
  attempts: integer,
  expiresMs: integer,
});
const count = columns({ n: integer });

type ComplaintRow = ReturnType<typeof complaintRow.read>;

export function createComplaintOutbox(dependencies: ComplaintOutboxDependencies): ComplaintOutbox {
  const { store, group, chain, links, clock, onSent = () => {}, onError = () => {} } = dependencies;

  async function send(row: ComplaintRow): Promise<void> {
    const { id } = row;
    const attempts = row.attempts + 1;
    try {
      const validator = chain.findByAddress(fromHex(row.validator));
      if (validator === undefined) throw new LinkError('unreachable', `validator ${row.validator} is not registered`);
      const message = fromBinary(ComplainRequestSchema, row.message);
      const service = links.to(ValidatorService, validator);
      const order = message.order?.order ?? new Uint8Array();
      const first = await service.complain(message, { timeoutMs: SEND_TIMEOUT_MS });
      const { outcome } =
        first.wantsOpening && row.opening
          ? await service.proveComplaint({ order, opening: { opening: row.opening } }, { timeoutMs: SEND_TIMEOUT_MS })
          : first;
      onSent(message.reason, outcome);
    } catch (error) {
      // A refusal is an answer, unless it says to come back.
      const isFinal = error instanceof LinkError && error.code === 'remote' && !error.retryable && error.refusal;
      if (!isFinal && clock.nowMs() < row.expiresMs) {
        const nextMs = clock.nowMs() + computeBackoff(RETRY, { failures: row.attempts });
        await group.write(() =>
          store.prepare('UPDATE complaints SET attempts = ?, next_ms = ? WHERE id = ?').run(attempts, nextMs, id),
        );
        return;
      }
      onError(error);
    }
    await group.write(() => store.prepare('DELETE FROM complaints WHERE id = ?').run(id));
  }

  const repeating = createRepeating(
    { intervalMs: INTERVAL_MS },
    async () => {
      const due = store.read(() =>
        complaintRow.all(
          store.prepare(`SELECT ${complaintRow.list} FROM complaints WHERE next_ms <= ? ORDER BY next_ms LIMIT ?`),
          clock.nowMs(),
          PER_ROUND,
        ),
      );
      await Promise.all(due.map(send));
    },
    onError,
  );

  return {
    start: repeating.start,
    stop: repeating.stop,
    flush: repeating.trigger,
    put: (validator, { opening, ...complaint }) =>
      group.write(() => {
        const hasOpening = opening !== undefined;
        const message = toBinary(ComplainRequestSchema, create(ComplainRequestSchema, { ...complaint, hasOpening }));
        const nowMs = clock.nowMs();
        store
          .prepare(
            `INSERT INTO complaints (validator, message, opening, attempts, next_ms, expires_ms) VALUES (?, ?, ?, 0, ?, ?)`,
          )
          .run(toHex(validator), message, opening?.opening ?? null, nowMs, nowMs + LIFETIME_MS);
      }),
    size: () => store.read(() => count.get(store.prepare('SELECT count(*) AS n FROM complaints'))?.n ?? 0),
  };
}
