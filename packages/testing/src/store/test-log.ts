import { copyFileSync, existsSync, rmSync } from 'node:fs';
import type { LogSync } from '@ogong/host/store/log-sync';
import { StoreError } from '@ogong/host/store/store-error';

const NEVER: Promise<never> = new Promise(() => {});
const createFailure = (): StoreError => new StoreError('io', 'EIO: i/o error, fdatasync');

/** Syncs that end when the test decides. */
export function createHeldLog() {
  const begun: { end(error?: StoreError): void }[] = [];
  const log: LogSync = {
    sync: () =>
      new Promise((resolve, reject) => {
        begun.push({ end: (error) => (error ? reject(error) : resolve()) });
      }),
    bringOver: async () => {},
    failed: NEVER,
    close: async () => {},
  };
  return { log, begun, fail: (index: number) => begun[index]?.end(createFailure()) };
}

export type FailingDisk = ReturnType<typeof createFailingDisk>;

/**
 * A disk that keeps only synced data when the power fails.
 * @param path of an open store.
 * @param failsAt the number of the first sync that fails, from 0. Default: none does.
 */
export function createFailingDisk(path: string, failsAt = Number.POSITIVE_INFINITY) {
  const files = [path, `${path}-wal`];
  let syncs = 0;
  let copies = 0;
  /** Number of the copy on the disk. */
  let held = copy();

  function copy(): number {
    const number = copies++;
    for (const file of files) if (existsSync(file)) copyFileSync(file, `${file}.${number}`);
    return number;
  }

  return {
    log: {
      async sync() {
        if (syncs++ >= failsAt) throw createFailure();
        const number = copy();
        // Others continue meanwhile.
        await new Promise((resolve) => setImmediate(resolve));
        held = Math.max(held, number);
      },
      bringOver: async () => {},
      failed: NEVER,
      close: async () => {},
    } satisfies LogSync,
    syncs: () => syncs,
    /** Reduces a closed store to the data on the disk. */
    cutPower(): void {
      for (const file of [...files, `${path}-shm`]) rmSync(file, { force: true });
      for (const file of files) if (existsSync(`${file}.${held}`)) copyFileSync(`${file}.${held}`, file);
    },
  };
}
