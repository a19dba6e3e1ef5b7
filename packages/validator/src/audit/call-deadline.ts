import { LinkError } from '@ogong/host/link/link-error';
import type { Clock } from '@ogong/host/time/clock';

/**
 * The least rate of large data, bytes per second. The 64 MiB of the largest picture take 64 s at this rate.
 */
export const LEAST_BYTES_PER_SECOND: number = 2 ** 20;

/** One deadline for all messages of a call to one party (docs/spec/validator-audits.md, "Lateness"). */
export interface CallDeadline {
  /**
   * Adds the time that these bytes take at the least rate. The opening names them.
   * @param sizeBytes of blobs, rows or media; 0 or more.
   */
  extend(sizeBytes: number): void;
  /** Returns the time of the whole call, ms. */
  limitMs(): number;
  /** Returns the time until now, or until the opening came, ms. */
  answerMs(): number;
  /** Returns the time until the deadline for the next message, whole ms, 1 or more. @throws LinkError `timeout` */
  leftMs(): number;
}

/** @param timeoutMs time of the call without large data. */
export function createCallDeadline({ awake }: { readonly awake: Clock }, timeoutMs: number): CallDeadline {
  const startMs = awake.nowMs();
  let limitMs = timeoutMs;
  let answerMs: number | undefined;
  const tookMs = (): number => awake.nowMs() - startMs;
  return {
    extend(sizeBytes) {
      answerMs ??= tookMs();
      limitMs += Math.ceil((sizeBytes * 1000) / LEAST_BYTES_PER_SECOND);
    },
    limitMs: () => limitMs,
    answerMs: () => answerMs ?? tookMs(),
    leftMs() {
      const leftMs = Math.ceil(limitMs - tookMs());
      if (leftMs > 0) return leftMs;
      throw new LinkError('timeout', `the deadline of ${limitMs} ms for the whole call passed`);
    },
  };
}
