import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { plural } from '../../format.ts';
import { MemoryCard } from './memory-card.tsx';
import { NO_FILTER, type PanelMemories } from './memory-client.ts';
import { MemoryFilters } from './memory-filters.tsx';
import { createMemoryList, EMPTY_LIST, type MemoryList, type MemoryListState } from './memory-list.ts';
import { Profile } from './profile.tsx';
import { Transfer } from './transfer.tsx';

/** The memories that the gateway keeps for the holder of the key. */
export function MemoryPanel({ api, onClose }: { api: PanelMemories; onClose: () => void }) {
  const [state, setState] = useState<MemoryListState>(EMPTY_LIST);
  const list = useMemo(() => createMemoryList(api, setState), [api]);
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    void list.refresh();
    heading.current?.focus();
  }, [list]);
  return (
    <div class="turns memories">
      <header>
        <h2 tabIndex={-1} ref={heading}>
          Memories
        </h2>
        <button type="button" class="quiet small" onClick={onClose}>
          back to the chat
        </button>
      </header>
      <MemoryFilters state={state} list={list} />
      <Transfer api={api} onImported={() => void list.refresh()} />
      <Profile api={api} />
      {state.problem && (
        <p class="problem" role="alert">
          {state.problem}{' '}
          <button type="button" class="quiet small" onClick={() => void list.refresh()}>
            try again
          </button>
        </p>
      )}
      <Found state={state} api={api} list={list} onForgotten={() => heading.current?.focus()} />
    </div>
  );
}

function Found({
  state,
  api,
  list,
  onForgotten,
}: {
  state: MemoryListState;
  api: PanelMemories;
  list: MemoryList;
  onForgotten: () => void;
}) {
  const { memories, isReading, hasMore, filter } = state;
  return (
    <>
      <p class="note" role="status">
        {isReading ? 'Reading memories …' : memories && describeFound(state)}
      </p>
      {memories && memories.length > 0 && (
        <ul aria-label="Memories" aria-busy={isReading}>
          {memories.map((memory) => (
            <MemoryCard
              key={memory.id}
              memory={memory}
              api={api}
              list={list}
              isPast={filter.day !== ''}
              onForgotten={onForgotten}
            />
          ))}
        </ul>
      )}
      {hasMore && (
        <button type="button" class="quiet" disabled={isReading} onClick={() => void list.readMore()}>
          Older ones
        </button>
      )}
    </>
  );
}

function describeFound({ memories = [], filter, hasMore }: MemoryListState): string {
  const isFiltered = Object.entries(NO_FILTER).some(([name, none]) => filter[name as keyof typeof NO_FILTER] !== none);
  const past = filter.day === '' ? '' : `, as they were on ${filter.day}`;
  if (memories.length > 0)
    return `${plural(memories.length, 'memory', 'memories')}${hasMore ? ', and older ones' : ''}${past}`;
  return isFiltered
    ? 'No memory fits this filter.'
    : 'There are no memories. Turn on “Remember this conversation”, or import a file.';
}
