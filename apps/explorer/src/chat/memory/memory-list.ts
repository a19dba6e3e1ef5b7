import type { KnownMemory, PanelMemories } from './memory-client.ts';

/** The list of memories, as the panel shows it. */
export interface MemoryListState {
  /** Undefined until they come. */
  readonly memories: readonly KnownMemory[] | undefined;
  /** Whether older ones can be read. A search has none. */
  readonly hasMore: boolean;
  readonly problem: string | undefined;
}

export type MemoryList = ReturnType<typeof createMemoryList>;

/** Holds the shown memories. A failed action leaves them as they are, and its reason in `problem`. */
export function createMemoryList(
  api: Pick<PanelMemories, 'list' | 'search' | 'edit' | 'forget'>,
  tell: (state: MemoryListState) => void,
) {
  let state: MemoryListState = { memories: undefined, hasMore: false, problem: undefined };
  /** Number of the last read. The answers of earlier ones are dropped. */
  let lastRead = 0;

  function publish(change: Partial<MemoryListState>): void {
    state = { ...state, ...change };
    tell(state);
  }

  async function read(load: () => Promise<Partial<MemoryListState>>): Promise<void> {
    const own = ++lastRead;
    try {
      const change = await load();
      if (own === lastRead) publish({ ...change, problem: undefined });
    } catch (error) {
      if (own === lastRead) publish({ problem: (error as Error).message });
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

  return {
    /** Finds memories by meaning and words; all of them for an empty query. */
    show: (query: string): Promise<void> =>
      read(async () => (query === '' ? api.list() : { memories: await api.search(query), hasMore: false })),
    readMore: (): Promise<void> =>
      read(async () => {
        const { memories = [] } = state;
        const more = await api.list(memories.at(-1)?.id);
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
      }),
  };
}
