import type { Clock } from '@ogong/host/time/clock';
import { toHex } from '@ogong/protocol/base/bytes';
import type { ExpiredReply } from '../store/replies/reply-store.ts';

/**
 * Tells which replies were never delivered. The grace after an order's expiry counts only time in which this validator
 * could have accepted the record. Time in which it was down, stopped or too busy does not count against the provider.
 */
export function createGrace({ graceMs }: { readonly graceMs: number }, clocks: { clock: Clock; awake: Clock }) {
  const { clock, awake } = clocks;
  let lookedMs = awake.nowMs();
  let begun = new Map<string, number>();

  /** @param expired all awaited replies, or the first of them. @returns those whose grace is over. */
  return function listAbandoned(expired: readonly ExpiredReply[]): Uint8Array[] {
    const [nowMs, awakeMs] = [clock.nowMs(), awake.nowMs()];
    const sinceLookMs = awakeMs - lookedMs;
    lookedMs = awakeMs;
    const before = begun;
    begun = new Map();
    return expired.flatMap(({ replyId, expiresAtMs }) => {
      const key = toHex(replyId);
      const begunMs = before.get(key) ?? awakeMs - Math.min(nowMs - expiresAtMs, sinceLookMs);
      begun.set(key, begunMs);
      return awakeMs - begunMs >= graceMs && nowMs - expiresAtMs > graceMs ? [replyId] : [];
    });
  };
}
