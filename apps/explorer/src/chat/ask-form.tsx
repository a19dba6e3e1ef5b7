import { useEffect, useRef, useState } from 'preact/hooks';
import { OTHER_FILE, readPictureFiles, takeFiles } from '../pictures/picture-files.ts';
import { writeCode } from './as-code.ts';
import { AddPicture, Attached } from './attached.tsx';
import { CodeDialog } from './code-dialog.tsx';
import type { ChatTurn } from './conversation.ts';
import type { ChatSession, ChatState } from './session.ts';

/** The question or description of a picture, its pictures, and the buttons of the chat. */
export function Ask({
  state,
  session,
  baseUrl,
  edited,
  onEdit,
}: {
  state: ChatState;
  session: ChatSession;
  baseUrl: string;
  edited: ChatTurn | undefined;
  onEdit: (turn: ChatTurn | undefined) => void;
}) {
  const [question, setQuestion] = useState('');
  const [pictures, setPictures] = useState<readonly string[]>([]);
  const [unread, setUnread] = useState<string>();
  const field = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    if (edited === undefined) return;
    setQuestion(edited.question);
    setPictures(edited.pictures ?? []);
    field.current?.focus();
  }, [edited]);
  const makesPictures = session.makesPictures();
  const asked = { text: question.trim(), pictures: makesPictures ? [] : pictures };
  const canAsk = (asked.text !== '' || asked.pictures.length > 0) && state.model !== '' && !state.isAsking;
  const leave = (): void => {
    setQuestion('');
    setPictures([]);
    setUnread(undefined);
    onEdit(undefined);
  };
  const submit = (): void => {
    if (!canAsk) return;
    void session.ask(asked, edited?.id);
    leave();
  };
  const add = async (files: readonly File[]): Promise<void> => {
    if (files.length === 0) return;
    if (makesPictures) return setUnread('This model makes pictures, and reads none. Choose another one.');
    const { urls, others } = await readPictureFiles(files);
    setUnread(others > 0 ? OTHER_FILE : undefined);
    setPictures((before) => [...new Set([...before, ...urls])]);
  };
  // A failure that stands below its question is not repeated here.
  const last = state.turns.at(-1);
  const isShown = state.wantsKey || (last?.state === 'failed' && last.problem === state.problem);
  const problem = unread ?? (isShown ? undefined : state.problem);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: files are dropped here; a button adds them, too
    <div
      class="foot"
      onDragOver={(event) => event.preventDefault()}
      onDrop={(event) => void add(takeFiles(event, event.dataTransfer))}
    >
      {problem && (
        <p class="banner bad" role="alert">
          {problem}
        </p>
      )}
      {edited && (
        <p class="banner">
          The new question replaces the old one and the answers after it.{' '}
          <button type="button" class="quiet small" onClick={leave}>
            keep the old one
          </button>
        </p>
      )}
      <form
        class="ask"
        onSubmit={(event) => {
          event.preventDefault();
          submit();
        }}
      >
        <Attached urls={asked.pictures} onChange={setPictures} />
        <label class="hidden" for="question">
          Your question
        </label>
        <textarea
          id="question"
          rows={1}
          placeholder={makesPictures ? 'Describe a picture' : 'Your question'}
          ref={field}
          value={question}
          onInput={(event) => setQuestion(event.currentTarget.value)}
          onPaste={(event) => void add(takeFiles(event, event.clipboardData))}
          onKeyDown={(event) => {
            if (event.key === 'Escape' && edited) leave();
            if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
            event.preventDefault();
            submit();
          }}
        />
        <div>
          <button
            type="button"
            class="quiet small"
            onClick={() => {
              session.forget();
              leave();
            }}
          >
            New chat
          </button>
          {!makesPictures && <AddPicture onFiles={(files) => void add(files)} />}
          <span class="gap" />
          <CodeDialog
            write={(kind) =>
              writeCode(
                kind,
                baseUrl,
                session.compose(asked.text || asked.pictures.length > 0 ? asked : { ...asked, text: 'Hello' }),
              )
            }
          />
          {state.isAsking ? (
            <button type="button" class="quiet" onClick={() => session.stop()}>
              Stop
            </button>
          ) : (
            <button type="submit" disabled={!canAsk}>
              {makesPictures ? 'Make' : 'Ask'}
            </button>
          )}
        </div>
      </form>
    </div>
  );
}
