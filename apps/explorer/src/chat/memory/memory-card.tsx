import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { PanelMemories } from './memory-client.ts';
import type { MemoryList } from './memory-list.ts';
import type { KnownMemory } from './parse-memory.ts';
import { toDay } from './to-day.ts';
import { Why } from './why.tsx';

/** UTF-16 units of a text that a person writes. */
const MAX_TEXT = 2_000;

/** One memory, its reasons, and the buttons that change it. @param props.isPast memories of an earlier day are not changed. */
export function MemoryCard({
  memory,
  api,
  list,
  isPast,
  onForgotten,
}: {
  memory: KnownMemory;
  api: PanelMemories;
  list: MemoryList;
  isPast: boolean;
  onForgotten: () => void;
}) {
  const [mode, setMode] = useState<'shown' | 'edited' | 'asked'>('shown');
  const { id, text, type, categories, createdAt } = memory;
  const opener = useRef<HTMLButtonElement>(null);
  const isLeft = useRef(false);
  // The button that had the focus is gone.
  useEffect(() => {
    if (mode === 'shown' && isLeft.current) opener.current?.focus();
    isLeft.current = mode !== 'shown';
  }, [mode]);
  const close = (): void => setMode('shown');
  return (
    <li
      class="memory"
      onKeyDown={({ key }) => {
        if (key === 'Escape') close();
      }}
    >
      {mode === 'edited' ? (
        <EditForm
          memory={memory}
          onSave={(changed) => {
            close();
            if (changed !== text) void list.edit(id, changed);
          }}
          onLeave={close}
        />
      ) : (
        <p class="wraps">{text}</p>
      )}
      <p class="note">
        {toDay(createdAt)} <span class="pill">{type}</span>{' '}
        {categories.map((one) => (
          <span key={one} class="pill">
            {one}
          </span>
        ))}
      </p>
      {/* An edited memory has other reasons. */}
      <Why key={memory.updatedAt} memory={memory} api={api} />
      {mode === 'shown' && !isPast && (
        <p class="actions">
          <button
            type="button"
            class="quiet small"
            aria-label={`edit: ${text}`}
            ref={opener}
            onClick={() => setMode('edited')}
          >
            edit
          </button>
          <button type="button" class="quiet small" aria-label={`forget: ${text}`} onClick={() => setMode('asked')}>
            forget
          </button>
        </p>
      )}
      {mode === 'asked' && (
        <Confirm
          id={id}
          api={api}
          onForget={() => {
            onForgotten();
            void list.forget(id);
          }}
          onLeave={close}
        />
      )}
    </li>
  );
}

function EditForm({
  memory: { id, text },
  onSave,
  onLeave,
}: {
  memory: KnownMemory;
  onSave: (text: string) => void;
  onLeave: () => void;
}) {
  const field = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => field.current?.focus(), []);
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        const changed = String(new FormData(event.currentTarget).get('text') ?? '').trim();
        if (changed !== '') onSave(changed);
      }}
    >
      <label for={`text-${id}`}>Text of the memory</label>
      <textarea id={`text-${id}`} name="text" rows={2} maxLength={MAX_TEXT} defaultValue={text} ref={field} />
      <p class="note">A changed text is your own. It loses its quote and its receipts; the old text is erased.</p>
      <p class="actions">
        <button type="submit" class="small">
          save
        </button>
        <button type="button" class="quiet small" onClick={onLeave}>
          cancel
        </button>
      </p>
    </form>
  );
}

function Confirm({
  id,
  api,
  onForget,
  onLeave,
}: {
  id: string;
  api: PanelMemories;
  onForget: () => void;
  onLeave: () => void;
}) {
  const [older, setOlder] = useState<readonly KnownMemory[]>([]);
  const button = useRef<HTMLButtonElement>(null);
  useLayoutEffect(() => button.current?.focus(), []);
  useEffect(() => {
    // The words below are true without the list of texts.
    api.history(id).then(
      (found) => setOlder(found.filter((one) => one.id !== id)),
      () => undefined,
    );
  }, [api, id]);
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset groups fields, and this has none
    <div role="group" aria-label="Forget this memory">
      <p>
        Forget it for good? This erases the memory with its earlier versions, and each call to a model that repeats its
        words. Other memories of such a call keep their quotes, and lose that receipt.
      </p>
      {older.length > 0 && (
        <ul aria-label="Earlier versions that are erased">
          {older.map((one) => (
            <li key={one.id}>{one.text}</li>
          ))}
        </ul>
      )}
      <p class="actions">
        <button type="button" class="small" ref={button} onClick={onForget}>
          forget it
        </button>
        <button type="button" class="quiet small" onClick={onLeave}>
          keep it
        </button>
      </p>
    </div>
  );
}
