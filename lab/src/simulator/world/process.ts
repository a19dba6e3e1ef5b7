import type { Store } from '@ogong/host/store/store';
import { openStore } from '@ogong/host/store/store';
import type { Trace } from './trace.ts';
import type { Owner, VirtualTime } from './virtual-time.ts';

/** The files of a machine. They outlive its processes: what was committed is there after a crash. */
export interface Disk {
  open(name: string, schema: string): Store;
  find(name: string): Store | undefined;
  /** Every file is lost. */
  wipe(): void;
  close(): void;
}

function createDisk(): Disk {
  const stores = new Map<string, Store>();
  return {
    open(name, schema) {
      const store = stores.get(name) ?? openStore(':memory:', { schema });
      stores.set(name, store);
      return store;
    },
    find: (name) => stores.get(name),
    wipe() {
      for (const store of stores.values()) store.close();
      stores.clear();
    },
    close() {
      for (const store of stores.values()) store.close();
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
