import { NO_FILTER, type PanelFilter, type PanelMemories } from './memory-client.ts';
import type { KnownMemory, PanelCounts } from './parse-memory.ts';

/** The list of memories, as the panel shows it. */
export interface MemoryListState {
  /** Undefined until they come. */
  readonly memories: readonly KnownMemory[] | undefined;
  /** Whether older ones can be read. A search has none. */
  readonly hasMore: boolean;
  readonly filter: PanelFilter;
  readonly isReading: boolean;
  /** Undefined until they come, and if they cannot be read. */
  readonly counts: PanelCounts | undefined;
  readonly problem: string | undefined;
}

export type MemoryList = ReturnType<typeof createMemoryList>;

export const EMPTY_LIST: MemoryListState = {
  ...{ memories: undefined, hasMore: false, filter: NO_FILTER, isReading: true },
  ...{ counts: undefined, problem: undefined },
};

/** Holds the shown memories. A failed action leaves them as they are, and its reason in `problem`. */
export function createMemoryList(
  api: Pick<PanelMemories, 'list' | 'search' | 'edit' | 'forget' | 'count'>,
  tell: (state: MemoryListState) => void,
) {
  let state = EMPTY_LIST;
  /** Number of the last read. The answers of earlier ones are dropped. */
  let lastRead = 0;

  function publish(change: Partial<MemoryListState>): void {
    state = { ...state, ...change };
    tell(state);
  }

  async function read(load: () => Promise<Partial<MemoryListState>>): Promise<void> {
    const own = ++lastRead;
    publish({ isReading: true });
    try {
      const change = await load();
      if (own === lastRead) publish({ ...change, isReading: false, problem: undefined });
    } catch (error) {
      if (own === lastRead) publish({ isReading: false, problem: (error as Error).message });
    }
  }

  async function act(run: () => Promise<void>): Promise<void> {
    try {
      await run();
      publish({ problem: undefined });
    } catch (error) {
      publish({ problem: (error as Error).message });
    }
  }

  /** The memories are shown without their numbers if these fail. */
  async function count(): Promise<void> {
    publish({ counts: await api.count().catch(() => undefined) });
  }

  async function show(change: Partial<PanelFilter>): Promise<void> {
    const filter = { ...state.filter, ...change };
    publish({ filter });
    await read(async () =>
      filter.query === '' ? api.list(filter) : { memories: await api.search(filter), hasMore: false },
    );
  }

  return {
    /** Shows the memories of a changed filter. */
    show,
    /** Reads memories and numbers again. */
    refresh: async (): Promise<void> => void (await Promise.all([show({}), count()])),
    readMore: (): Promise<void> =>
      read(async () => {
        const { memories = [], filter } = state;
        const more = await api.list(filter, memories.at(-1)?.id);
        return { memories: [...memories, ...more.memories], hasMore: more.hasMore };
      }),
    edit: (id: string, text: string): Promise<void> =>
      act(async () => {
        const edited = await api.edit(id, text);
        publish({ memories: state.memories?.map((memory) => (memory.id === id ? edited : memory)) });
      }),
    forget: (id: string): Promise<void> =>
      act(async () => {
        await api.forget(id);
        publish({ memories: state.memories?.filter((memory) => memory.id !== id) });
        await count();
      }),
  };
}
