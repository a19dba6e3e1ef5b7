import { useLayoutEffect, useRef, useState } from 'preact/hooks';
import type { KnownMemory, PanelMemories } from './memory-client.ts';
import type { MemoryList } from './memory-list.ts';
import { toDay, Why } from './why.tsx';

/** UTF-16 units of a text that a person writes. */
const MAX_TEXT = 2_000;

/** One memory, its reasons, and the buttons that change it. */
export function MemoryCard({ memory, api, list }: { memory: KnownMemory; api: PanelMemories; list: MemoryList }) {
  const [mode, setMode] = useState<'shown' | 'edited' | 'asked'>('shown');
  const { id, text, type, categories, createdAt } = memory;
  const close = (): void => setMode('shown');
  return (
    <li class="memory">
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
      {mode === 'shown' && (
        <p class="actions">
          <button type="button" class="quiet small" aria-label={`edit: ${text}`} onClick={() => setMode('edited')}>
            edit
          </button>
          <button type="button" class="quiet small" aria-label={`forget: ${text}`} onClick={() => setMode('asked')}>
            forget
          </button>
        </p>
      )}
      {mode === 'asked' && <Confirm onForget={() => void list.forget(id)} onLeave={close} />}
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
      <p class="note">A changed text is your own. It loses its quote and its receipts.</p>
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

function Confirm({ onForget, onLeave }: { onForget: () => void; onLeave: () => void }) {
  const button = useRef<HTMLButtonElement>(null);
  useLayoutEffect(() => button.current?.focus(), []);
  return (
    <p class="actions">
      <span>Forget it with its earlier versions, for good?</span>
      <button type="button" class="small" ref={button} onClick={onForget}>
        forget it
      </button>
      <button type="button" class="quiet small" onClick={onLeave}>
        keep it
      </button>
    </p>
  );
}
