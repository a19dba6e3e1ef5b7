import type { FileHandle } from 'node:fs/promises';

/** Brings the bytes of a file to the disk while more of them come, so that little is left for the end. */
export interface Flusher {
  /** Counts written bytes. */
  add(bytes: number): void;
  /** Resolves once all of them are on the disk. @throws the error of any attempt: a kernel reports a lost write once. */
  end(): Promise<void>;
}

const FLUSH_BYTES = 64 << 20;

export function createFlusher(handle: Pick<FileHandle, 'sync' | 'datasync'>): Flusher {
  let unflushed = 0;
  let isRunning = false;
  let running = Promise.resolve();
  return {
    add(bytes) {
      unflushed += bytes;
      if (unflushed < FLUSH_BYTES || isRunning) return;
      unflushed = 0;
      isRunning = true;
      running = Promise.all([running, handle.datasync()]).then(() => {
        isRunning = false;
      });
      running.catch(() => undefined);
    },
    async end() {
      await running;
      await handle.sync();
    },
  };
}
