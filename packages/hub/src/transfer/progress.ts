/** How far a transfer is, over all files. */
export interface TransferProgress {
  /** Path of the file at hand. */
  readonly path: string;
  /** Bytes that are here, those of earlier attempts included. */
  readonly doneBytes: number;
  readonly totalBytes: number;
  /** Over the last ten seconds, bytes per second. */
  readonly bytesPerSecond: number;
  /** Undefined while the rate is 0. */
  readonly secondsLeft: number | undefined;
}

export interface ProgressMeter {
  /** Bytes of an earlier attempt, which do not count in the rate. */
  skip(bytes: number): void;
  add(path: string, bytes: number): TransferProgress;
}

const SPAN_MS = 10_000;

/** @param now a clock that never goes back, ms. */
export function createProgressMeter(totalBytes: number, now: () => number): ProgressMeter {
  const startMs = now();
  /** Times at which bytes came, the oldest first. */
  let recent: { readonly atMs: number; readonly bytes: number }[] = [];
  let doneBytes = 0;
  return {
    skip(bytes) {
      doneBytes += bytes;
    },
    add(path, bytes) {
      doneBytes += bytes;
      const atMs = now();
      recent = [...recent.filter((one) => atMs - one.atMs < SPAN_MS), { atMs, bytes }];
      const spanMs = Math.max(1, Math.min(SPAN_MS, atMs - startMs));
      const bytesPerSecond = (recent.reduce((sum, one) => sum + one.bytes, 0) * 1_000) / spanMs;
      const secondsLeft = bytesPerSecond > 0 ? (totalBytes - doneBytes) / bytesPerSecond : undefined;
      return { path, doneBytes, totalBytes, bytesPerSecond, secondsLeft };
    },
  };
}
