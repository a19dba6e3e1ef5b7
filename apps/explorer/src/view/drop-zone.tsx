import type { ComponentChildren } from 'preact';
import { useRef, useState } from 'preact/hooks';

/** A place to drop files on, with a button for keyboards. */
export function DropZone({
  title,
  input: { id, accept, label },
  children,
  onFiles,
}: {
  title: string;
  input: { readonly id: string; readonly accept: string; readonly label: string };
  children: ComponentChildren;
  onFiles: (files: readonly File[]) => void;
}) {
  const [isOver, setOver] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  return (
    <section
      class={isOver ? 'drop over' : 'drop'}
      aria-label={title}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        onFiles([...(event.dataTransfer?.files ?? [])]);
      }}
    >
      <p class="lead">{title}</p>
      <p>{children}</p>
      <button type="button" onClick={() => input.current?.click()}>
        Choose a file
      </button>
      <input
        ref={input}
        id={id}
        class="hidden"
        type="file"
        accept={accept}
        multiple
        aria-label={label}
        tabIndex={-1}
        onChange={(event) => onFiles([...(event.currentTarget.files ?? [])])}
      />
    </section>
  );
}
