import type { Clock } from '@ogong/host/time/clock';
import type { RelayLimits } from './relay-limits.ts';

const DAY_MS = 86_400_000;

/**
 * Bytes of one node: count, rate, and the rest for today. It outlives the node's registration, so that leaving resets nothing.
 */
export interface ByteMeter {
  readonly sinceMs: number;
  toNode: bigint;
  fromNode: bigint;
  links: bigint;
  /** @returns ms that the link has to pause; undefined if the day's bytes are used up, or the node does not pay. */
  take(bytes: number): number | undefined;
  /** Paces bytes that are not the node's yet. They are as fast as others, and charged once it answers. */
  pace(bytes: number): number;
  /** @returns false if the day's bytes are used up, or the node does not pay. */
  charge(bytes: number): boolean;
  hasBytes(): boolean;
}

export function createByteMeter(
  limits: Pick<RelayLimits, 'bytesPerSecond' | 'burstBytes' | 'maxBytesPerDay'>,
  clock: Clock,
  /** Whether so many bytes, all that it carried for the node, are paid or within the credit. */
  isCovered: (bytes: bigint) => boolean = () => true,
): ByteMeter {
  const { bytesPerSecond, burstBytes, maxBytesPerDay } = limits;
  let allowance = burstBytes;
  let atMs = clock.nowMs();
  let dayStartMs = atMs;
  let today = 0;
  let total = 0n;

  function startDay(nowMs: number): void {
    if (nowMs - dayStartMs < DAY_MS) return;
    dayStartMs = nowMs;
    today = 0;
  }

  function pace(bytes: number): number {
    const nowMs = clock.nowMs();
    allowance = Math.min(burstBytes, allowance + (Math.max(0, nowMs - atMs) / 1000) * bytesPerSecond) - bytes;
    atMs = nowMs;
    return allowance >= 0 ? 0 : (-allowance / bytesPerSecond) * 1000;
  }
  function charge(bytes: number): boolean {
    startDay(clock.nowMs());
    today += bytes;
    total += BigInt(bytes);
    return today <= maxBytesPerDay && isCovered(total);
  }

  return {
    ...{ sinceMs: atMs, toNode: 0n, fromNode: 0n, links: 0n },
    take: (bytes) => (charge(bytes) ? pace(bytes) : undefined),
    pace,
    charge,
    hasBytes() {
      startDay(clock.nowMs());
      return today < maxBytesPerDay && isCovered(total);
    },
  };
}
