import { EngineError } from '@ogong/engine/interface/engine-error';
import type { Engine } from '@ogong/engine/open-engine';
import type { Clock } from '@ogong/host/time/clock';

/** A model that is in memory. */
export interface OpenModel {
  readonly reference: string;
  readonly engine: Engine;
  readonly loadedAtMs: number;
}

/** A loaded model while somebody uses it: it is not unloaded before `release`, which may be called again. */
export interface Lease {
  readonly engine: Engine;
  /** Time that the caller waited for the model to load. */
  readonly loadMs: number;
  readonly release: () => void;
}

export interface RunningModel extends OpenModel {
  /** Infinity where it stays. */
  readonly expiresAtMs: number;
  /** Requests that use it now. */
  readonly users: number;
}

/** Loads models when they are asked for, and unloads them when nobody has asked for a while. */
export interface LoadedModels {
  /** @param keepMs how long the model stays after this use; as before if not given. @throws ModelError, EngineError */
  borrow(model: { readonly reference: string }, keepMs?: number): Promise<Lease>;
  /** Ends when its users have ended. */
  unload(reference: string): Promise<void>;
  list(): readonly RunningModel[];
  close(): Promise<void>;
}

export interface LoadedModelsOptions {
  /** @param others engines that stay loaded beside it. @throws ModelError, EngineError */
  readonly load: (reference: string, others: readonly OpenModel[]) => Promise<Engine>;
  readonly clock: Clock;
  /** How long a model stays that was loaded on demand. */
  readonly keepMs: number;
  /** Loaded before the server starts; they stay until a request says otherwise. */
  readonly first?: readonly OpenModel[];
}

interface Entry extends OpenModel {
  users: number;
  keepMs: number;
  lastUsedMs: number;
  timer: NodeJS.Timeout | undefined;
}

/** A timer cannot wait longer. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export function createLoadedModels({ load, clock, keepMs, first = [] }: LoadedModelsOptions): LoadedModels {
  const entries = new Map<string, Entry>();
  const loading = new Map<string, Promise<Entry>>();
  /** Models load one after the other: each has to fit beside those before it. */
  let queue: Promise<unknown> = Promise.resolve();
  let isClosed = false;

  const put = (model: OpenModel, keep: number): Entry => {
    const entry: Entry = { ...model, users: 0, keepMs: keep, lastUsedMs: clock.nowMs(), timer: undefined };
    entries.set(model.reference, entry);
    return entry;
  };
  for (const model of first) put(model, Number.POSITIVE_INFINITY);

  async function drop(entry: Entry): Promise<void> {
    if (entries.get(entry.reference) !== entry) return;
    clearTimeout(entry.timer);
    entries.delete(entry.reference);
    await entry.engine.close();
  }

  /** A model that keeps others out of memory goes, the longest unused first, unless somebody uses it. */
  async function loadBesideOthers(reference: string): Promise<Engine> {
    for (;;) {
      try {
        return await load(reference, [...entries.values()]);
      } catch (error) {
        const isFull = error instanceof EngineError && error.code === 'not-enough-memory';
        const [idle] = [...entries.values()]
          .filter(({ users }) => users === 0)
          .sort((a, b) => a.lastUsedMs - b.lastUsedMs);
        if (!isFull || idle === undefined) throw error;
        await drop(idle);
      }
    }
  }

  function start(reference: string): Promise<Entry> {
    const work = queue.then(async () => {
      const engine = await loadBesideOthers(reference);
      if (!isClosed) return put({ reference, engine, loadedAtMs: clock.nowMs() }, keepMs);
      await engine.close();
      throw new EngineError('engine-closed', 'the server stops', { retryable: true });
    });
    queue = work.catch(() => undefined);
    loading.set(reference, work);
    const forget = (): void => void loading.delete(reference);
    work.then(forget, forget);
    return work;
  }

  function schedule(entry: Entry): void {
    clearTimeout(entry.timer);
    if (entry.users > 0 || entry.keepMs === Number.POSITIVE_INFINITY) return;
    if (entry.keepMs === 0) {
      void drop(entry);
      return;
    }
    entry.timer = setTimeout(() => void drop(entry), Math.min(entry.keepMs, LONGEST_TIMER_MS));
    entry.timer.unref();
  }

  return {
    async borrow({ reference }, keep) {
      const startedAt = clock.nowMs();
      let entry = entries.get(reference);
      // It may have been unloaded again before this caller had its turn.
      while (entry === undefined) {
        await (loading.get(reference) ?? start(reference));
        entry = entries.get(reference);
      }
      const taken = entry;
      clearTimeout(taken.timer);
      taken.users++;
      if (keep !== undefined) taken.keepMs = keep;
      let isReleased = false;
      const release = (): void => {
        if (isReleased) return;
        isReleased = true;
        taken.users--;
        taken.lastUsedMs = clock.nowMs();
        schedule(taken);
      };
      return { engine: taken.engine, loadMs: clock.nowMs() - startedAt, release };
    },
    async unload(reference) {
      const entry = entries.get(reference);
      if (entry === undefined) return;
      entry.keepMs = 0;
      if (entry.users === 0) await drop(entry);
    },
    list: () =>
      [...entries.values()].map(({ reference, engine, loadedAtMs, lastUsedMs, keepMs: keep, users }) => ({
        ...{ reference, engine, loadedAtMs, users },
        expiresAtMs: (users > 0 ? clock.nowMs() : lastUsedMs) + keep,
      })),
    async close() {
      isClosed = true;
      await Promise.allSettled(loading.values());
      await Promise.all([...entries.values()].map(drop));
    },
  };
}
