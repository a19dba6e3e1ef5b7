import type { Store } from '@ogong/host/store/store';
import { openStore } from '@ogong/host/store/store';
import { createTornFiles } from './torn-files.ts';
import type { Trace } from './trace.ts';
import type { Owner, VirtualTime } from './virtual-time.ts';

/** The files of a machine. Committed data survives the crash of a process. */
export interface Disk {
  open(name: string, schema: string): Store;
  find(name: string): Store | undefined;
  /** Every file is lost. */
  wipe(): void;
  /** Makes the disk full, or frees it. */
  setFull(isFull: boolean): void;
  /**
   * Cuts off the last write to each file, and opens the files again.
   * @param share part of the last write that reached the disk.
   * @returns the torn rest of that write, as text.
   */
  tear(share: number): string | undefined;
  close(): void;
}

/** The most that SQLite knows, and less than there are. */
const PAGES = { unlimited: 1_073_741_823, none: 1 };

function createDisk(): Disk {
  const stores = new Map<string, { store: Store; readonly schema: string }>();
  const torn = createTornFiles();
  let isFullNow = false;
  const closeAll = (): void => {
    for (const { store } of stores.values()) store.close();
  };
  return {
    open(name, schema) {
      const found = stores.get(name) ?? { store: openStore(':memory:', { schema }), schema };
      stores.set(name, found);
      return found.store;
    },
    find: (name) => stores.get(name)?.store,
    wipe() {
      closeAll();
      stores.clear();
    },
    setFull(isFull) {
      if (isFull === isFullNow) return;
      isFullNow = isFull;
      const pages = isFull ? PAGES.none : PAGES.unlimited;
      for (const { store } of stores.values()) store.database.exec(`PRAGMA max_page_count = ${pages}`);
    },
    tear(share) {
      const left: string[] = [];
      for (const [name, one] of stores) {
        const { store, difference } = torn.tear(one, share);
        one.store.close();
        one.store = store;
        if (difference !== undefined) left.push(`${name}: ${difference}`);
      }
      return left.length === 0 ? undefined : left.join(', ');
    },
    close() {
      closeAll();
      torn.remove();
    },
  };
}

/** One machine: its disk, and the process that runs on it now. */
export interface Machine<R = unknown> {
  readonly name: string;
  readonly disk: Disk;
  /** The process that runs; absent while it is down. */
  readonly owner: Owner | undefined;
  readonly running: R | undefined;
  /** Settings of the clock, for the process now and those after it. */
  readonly clock: { skewMs: number; drift: number; slowMs: number };
  boot(): void;
  /** The process ends between two turns: nothing of what it had planned happens. */
  crash(): void;
}

export interface MachineOptions<R> {
  readonly name: string;
  /** Starts the program, as its daemon does. */
  readonly start: (disk: Disk) => Promise<R>;
}

export function createMachine<R>(
  { name, start }: MachineOptions<R>,
  { time, trace, onFailure }: { time: VirtualTime; trace: Trace; onFailure: (name: string, error: unknown) => void },
): Machine<R> {
  const disk = createDisk();
  const clock = { skewMs: 0, drift: 0, slowMs: 0 };
  let owner: Owner | undefined;
  let running: R | undefined;
  return {
    name,
    disk,
    clock,
    get owner() {
      return owner;
    },
    get running() {
      return running;
    },
    boot() {
      if (owner !== undefined) return;
      const born: Owner = { name, isDead: false, ...clock };
      owner = born;
      trace.note(name, 'boots');
      time.runAs(born, () => {
        start(disk).then(
          (started) => {
            if (!born.isDead) running = started;
          },
          (error: unknown) => {
            if (!born.isDead) onFailure(name, error);
          },
        );
      });
    },
    crash() {
      if (owner === undefined) return;
      trace.note(name, 'crashes');
      owner.isDead = true;
      owner = undefined;
      running = undefined;
    },
  };
}
