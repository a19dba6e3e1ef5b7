import { LinkError } from '@ogong/host/link/link-error';
import type { Clock } from '@ogong/host/time/clock';
import { createRepeating, type Repeating } from '@ogong/host/time/repeat';
import { toHex } from '@ogong/protocol/base/bytes';
import type { ReplyStatus } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { LentOrder, LentWork } from './lent-work.ts';

export interface LentWatchDependencies {
  readonly lent: Pick<LentWork, 'listDue' | 'postpone' | 'close'>;
  readonly clock: Pick<Clock, 'nowMs'>;
  /** This provider, 32 bytes. */
  readonly providerId: Uint8Array;
  /** Returns the validator's status of a reply. @throws LinkError */
  readonly ask: (validator: Uint8Array, replyId: Uint8Array) => Promise<Pick<ReplyStatus, 'detail'>>;
  readonly onError: (error: unknown) => void;
}

const INTERVAL_MS = 5_000;
/** Asked in one pass: fewer than a validator answers a stranger. */
const AT_ONCE = 64;
const PAUSE_MS = 15_000;
/** A record comes within this time after its order's expiry, or never. */
const RECORD_MS = 120_000;
/** A validator that cannot be reached for so long after the order's expiry is not asked again. */
const GIVEN_UP_MS = 86_400_000;

/** Asks validators if records of leaders have come, and if they name this shard. */
export function createLentWatch(dependencies: LentWatchDependencies): Repeating {
  return createRepeating(
    { intervalMs: INTERVAL_MS },
    () => askForRecords(dependencies).then(() => undefined),
    dependencies.onError,
  );
}

/** Asks once about each due order. @returns the number of orders that were asked about. */
export async function askForRecords({
  lent,
  clock,
  providerId,
  ask,
}: Omit<LentWatchDependencies, 'onError'>): Promise<number> {
  async function look(order: LentOrder): Promise<void> {
    const { validator, replyId, expiresAtMs } = order;
    const answer = await ask(validator, replyId).catch((error: unknown) => {
      if (error instanceof LinkError) return error;
      throw error;
    });
    const isAnswer = !(answer instanceof LinkError) || answer.refusal === 'not-found';
    if (!(answer instanceof LinkError) && listShards(answer.detail).includes(toHex(providerId)))
      return lent.close(order, true);
    const isOver = clock.nowMs() > expiresAtMs + (isAnswer ? RECORD_MS : GIVEN_UP_MS);
    return isOver ? lent.close(order, false) : lent.postpone(order, clock.nowMs() + PAUSE_MS);
  }
  const due = lent.listDue(AT_ONCE);
  await Promise.all(due.map(look));
  return due.length;
}

/** Lists the shards that a validator's status names, hex. */
function listShards(detail: string): readonly unknown[] {
  try {
    const { shards } = (JSON.parse(detail) ?? {}) as { readonly shards?: unknown };
    return Array.isArray(shards) ? shards : [];
  } catch {
    return [];
  }
}
