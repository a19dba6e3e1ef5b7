import { copyFileSync, existsSync, rmSync } from 'node:fs';
import type { LogSync } from '@ogong/host/store/log-sync';
import { StoreError } from '@ogong/host/store/store-error';

const NEVER: Promise<never> = new Promise(() => {});
const createFailure = (): StoreError => new StoreError('io', 'EIO: i/o error, fdatasync');

/** Syncs that end when the test says so. */
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
 * A disk that holds what was synced, and nothing else once the power has gone.
 * @param path of a store that is open.
 * @param failsAt the number of the first sync that fails, from 0. Default: none does.
 */
export function createFailingDisk(path: string, failsAt = Number.POSITIVE_INFINITY) {
  const files = [path, `${path}-wal`];
  let syncs = 0;
  let copies = 0;
  /** The number of the copy that the disk holds. */
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
        // Others go on meanwhile.
        await new Promise((resolve) => setImmediate(resolve));
        held = Math.max(held, number);
      },
      bringOver: async () => {},
      failed: NEVER,
      close: async () => {},
    } satisfies LogSync,
    syncs: () => syncs,
    /** Leaves of a closed store what the disk holds. */
    cutPower(): void {
      for (const file of [...files, `${path}-shm`]) rmSync(file, { force: true });
      for (const file of files) if (existsSync(`${file}.${held}`)) copyFileSync(`${file}.${held}`, file);
    },
  };
}
