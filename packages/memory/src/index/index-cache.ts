import type { MemoryQuery } from '../store/memory-store.ts';
import type { IndexHits, MemoryIndex } from './memory-index.ts';

/** The state of a user's rows: the user, and the number of changes so far. */
export interface IndexState {
  readonly userId: string;
  readonly revision: number;
}

/** A committed change of a user's rows, with the state after it. */
export interface IndexChange extends IndexState {
  apply(index: MemoryIndex): void;
}

/** Reads the rows of a user from the store. Both calls reject if the index is too large. */
export interface IndexSteps {
  build(nameHash: string): Promise<IndexState & { readonly index: MemoryIndex }>;
  /** Applies changes of other processes. @returns the new state; undefined if the index has to be built anew. */
  update(nameHash: string, index: MemoryIndex, state: IndexState): Promise<IndexState | undefined>;
}

interface Entry {
  index: MemoryIndex | undefined;
  state: IndexState;
  sizeBytes: number;
  /** Searches that run. An index in use is not closed. */
  uses: number;
  isForgotten: boolean;
  /** Ends after the build and all changes that were asked for. */
  tail: Promise<void>;
}

export interface IndexCache {
  /** @param state of the store, as it is now. */
  search(nameHash: string, state: IndexState, query: MemoryQuery): Promise<IndexHits>;
  /** Follows a write. A search that comes after the call waits for it. */
  follow(nameHash: string, write: Promise<IndexChange | undefined>): void;
  /** Closes the index of a user. */
  forget(nameHash: string): void;
  close(): Promise<void>;
}

/** Indexes of the users that searched last, by hashes of their names. Above `maxBytes` the least recently used ones are closed. */
export function createIndexCache({ build, update }: IndexSteps, maxBytes: number): IndexCache {
  const entries = new Map<string, Entry>();

  function forget(nameHash: string): Promise<void> {
    const entry = entries.get(nameHash);
    if (entry === undefined) return Promise.resolve();
    entries.delete(nameHash);
    entry.isForgotten = true;
    const end = (): void => closeUnused(entry);
    return entry.tail.then(end, end);
  }

  function evict(): void {
    let total = [...entries.values()].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    for (const [nameHash, { uses, sizeBytes }] of entries) {
      if (total <= maxBytes) return;
      if (uses > 0) continue;
      total -= sizeBytes;
      void forget(nameHash);
    }
  }

  function start(nameHash: string): Entry {
    const entry: Entry = {
      ...{ index: undefined, state: { userId: '', revision: -1 }, sizeBytes: 0, uses: 0, isForgotten: false },
      tail: Promise.resolve(),
    };
    entry.tail = build(nameHash).then(({ index, ...state }) => {
      Object.assign(entry, { index, state, sizeBytes: index.readSizeBytes() });
    });
    // The search that waits for it reports the failure.
    entry.tail.catch(() => {
      if (entries.get(nameHash) === entry) entries.delete(nameHash);
    });
    return entry;
  }

  async function hold(nameHash: string, entry: Entry): Promise<Entry> {
    entry.uses++;
    // The last one is the most recently used.
    entries.delete(nameHash);
    entries.set(nameHash, entry);
    try {
      await entry.tail;
      return entry;
    } catch (error) {
      release(entry);
      throw error;
    }
  }

  /** Adds a step after the build and all earlier steps. */
  function queue(nameHash: string, entry: Entry, step: () => void | Promise<void>): void {
    entry.tail = entry.tail.then(step);
    // An index that missed a change is made anew.
    entry.tail.catch(() => {
      if (entries.get(nameHash) === entry) void forget(nameHash);
    });
  }

  /** Another process may have written to the store. */
  async function catchUp(nameHash: string, entry: Entry, state: IndexState): Promise<void> {
    if (isCurrent(entry, state)) return;
    queue(nameHash, entry, async () => {
      const { index } = entry;
      if (index === undefined || isCurrent(entry, state)) return;
      const updated = await update(nameHash, index, entry.state);
      if (updated !== undefined) Object.assign(entry, { state: updated, sizeBytes: index.readSizeBytes() });
    });
    await entry.tail;
  }

  async function holdCurrent(nameHash: string, state: IndexState): Promise<Entry> {
    const known = entries.get(nameHash);
    if (known !== undefined) {
      await hold(nameHash, known);
      try {
        await catchUp(nameHash, known, state);
        if (isCurrent(known, state)) return known;
        if (entries.get(nameHash) === known) void forget(nameHash);
      } catch (error) {
        release(known);
        throw error;
      }
      release(known);
    }
    return hold(nameHash, entries.get(nameHash) ?? start(nameHash));
  }

  return {
    async search(nameHash, state, query) {
      const entry = await holdCurrent(nameHash, state);
      try {
        return await (entry.index as MemoryIndex).search(query);
      } finally {
        release(entry);
        evict();
      }
    },
    follow(nameHash, write) {
      const entry = entries.get(nameHash);
      if (entry === undefined) return;
      const committed = write.catch(() => undefined);
      queue(nameHash, entry, async () => applyTo(entry, await committed));
    },
    forget: (nameHash) => void forget(nameHash),
    async close() {
      await Promise.all([...entries.keys()].map(forget));
    },
  };
}

const isCurrent = ({ state }: Entry, { userId, revision }: IndexState): boolean =>
  state.userId === userId && state.revision >= revision;

function release(entry: Entry): void {
  entry.uses--;
  closeUnused(entry);
}

function closeUnused(entry: Entry): void {
  if (!entry.isForgotten || entry.uses > 0) return;
  entry.index?.close();
  entry.index = undefined;
}

/** A change that the build has read already, or that does not follow the known state, is not applied. */
function applyTo(entry: Entry, change: IndexChange | undefined): void {
  const { index, state } = entry;
  if (index === undefined || change === undefined) return;
  if (change.userId !== state.userId || change.revision !== state.revision + 1) return;
  change.apply(index);
  Object.assign(entry, {
    state: { userId: change.userId, revision: change.revision },
    sizeBytes: index.readSizeBytes(),
  });
}
