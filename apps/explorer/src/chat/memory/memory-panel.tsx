import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { saveFile } from '../../save-file.ts';
import { MemoryCard } from './memory-card.tsx';
import type { PanelMemories } from './memory-client.ts';
import { createMemoryList, type MemoryList, type MemoryListState } from './memory-list.ts';

/** The memories that the gateway keeps for the holder of the key. */
export function MemoryPanel({ api, onClose }: { api: PanelMemories; onClose: () => void }) {
  const [state, setState] = useState<MemoryListState>();
  const [unsaved, setUnsaved] = useState<string>();
  const list = useMemo(() => createMemoryList(api, setState), [api]);
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    void list.show('');
    heading.current?.focus();
  }, [list]);
  const save = (): Promise<void> =>
    api.export().then(
      (text) => {
        setUnsaved(undefined);
        saveFile('memories.json', 'application/json', text);
      },
      (error: Error) => setUnsaved(error.message),
    );
  const problem = unsaved ?? state?.problem;
  return (
    <div class="turns memories">
      <header>
        <h2 tabIndex={-1} ref={heading}>
          Memories
        </h2>
        <button type="button" class="quiet small" onClick={() => void save()}>
          export
        </button>
        <button type="button" class="quiet small" onClick={onClose}>
          back to the chat
        </button>
      </header>
      <form
        class="search with-button"
        onSubmit={(event) => {
          event.preventDefault();
          void list.show(String(new FormData(event.currentTarget).get('query') ?? '').trim());
        }}
      >
        <label class="hidden" for="memory-query">
          Find memories
        </label>
        <input id="memory-query" name="query" type="search" placeholder="Find memories" autocomplete="off" />
        <button type="submit" class="quiet">
          Find
        </button>
      </form>
      {problem && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
      <Found state={state} api={api} list={list} />
    </div>
  );
}

function Found({ state, api, list }: { state: MemoryListState | undefined; api: PanelMemories; list: MemoryList }) {
  if (state?.memories === undefined) return <p class="empty">{state?.problem ? '' : 'Reading memories …'}</p>;
  if (state.memories.length === 0) return <p class="empty">No memories were found.</p>;
  return (
    <>
      <ul aria-label="Memories">
        {state.memories.map((memory) => (
          <MemoryCard key={memory.id} memory={memory} api={api} list={list} />
        ))}
      </ul>
      {state.hasMore && (
        <button type="button" class="quiet" onClick={() => void list.readMore()}>
          Older ones
        </button>
      )}
    </>
  );
}
