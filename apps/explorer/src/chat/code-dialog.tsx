import { useRef, useState } from 'preact/hooks';
import { CopyButton } from '../view/parts.tsx';
import { CODE_KINDS, type CodeKind } from './as-code.ts';

/** A button that shows the question as code, for one of several clients. */
export function CodeDialog({ write }: { write: (kind: CodeKind) => string }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [kind, setKind] = useState<CodeKind>('curl');
  const [code, setCode] = useState<string>();
  const choose = (next: CodeKind): void => {
    setKind(next);
    setCode(write(next));
  };
  return (
    <>
      <button
        type="button"
        class="quiet small"
        aria-haspopup="dialog"
        onClick={() => {
          choose(kind);
          dialog.current?.showModal();
        }}
      >
        Code
      </button>
      <dialog ref={dialog} class="code-dialog" aria-labelledby="code-title">
        <h2 id="code-title">Ask this from your own program</h2>
        <p class="code-choice">
          <label for="kind">Client</label>
          <select id="kind" value={kind} onChange={(event) => choose(event.currentTarget.value as CodeKind)}>
            {CODE_KINDS.map((one) => (
              <option key={one}>{one}</option>
            ))}
          </select>
          <CopyButton text={code ?? ''} what="copy" label="Copy the code" />
          <button type="button" class="quiet small" onClick={() => dialog.current?.close()}>
            close
          </button>
        </p>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling element has to be reachable by keyboard */}
        <pre tabIndex={0}>
          <code>{code}</code>
        </pre>
      </dialog>
    </>
  );
}
