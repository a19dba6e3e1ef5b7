import type { Check } from '@ogong/protocol/base/checks';
import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { plural } from '../format.ts';
import { Markdown } from '../markdown/markdown.tsx';
import { OTHER_FILE, readPictureFiles, takeFiles } from '../pictures/picture-files.ts';
import { saveFile } from '../save-file.ts';
import { GroupedChecks } from '../view/grouped-checks.tsx';
import { Amount, CopyButton, Verdict } from '../view/parts.tsx';
import { CODE_KINDS, type CodeKind, writeCode } from './as-code.ts';
import { AddPicture, Attached } from './attached.tsx';
import { type ChatTurn, leastFee, sumFees } from './conversation.ts';
import type { ChatModel } from './gateway.ts';
import { Machines } from './machines.tsx';
import { describeProgress, MadePicture } from './made-picture.tsx';
import { isSealedModel } from './sealed-model.ts';
import type { ChatSession, ChatState } from './session.ts';

export function ChatPage({ session, baseUrl }: { session: ChatSession; baseUrl: string }) {
  const [state, setState] = useState(session.get());
  const [edited, setEdited] = useState<ChatTurn>();
  useEffect(() => {
    const leave = session.subscribe(setState);
    return () => void leave();
  }, [session]);
  return (
    <>
      <header class="top brief">
        <a class="brand" href="/">
          <img src="/explorer/icon.svg" alt="" width="26" height="26" />
          <span>
            OGONG <em>chat</em>
          </span>
        </a>
        <nav aria-label="Pages">
          <a href="/" aria-current="page">
            Chat
          </a>
          <a href="/explorer/">Explorer</a>
          <a href="/explorer/#/check">Check a receipt</a>
        </nav>
      </header>
      <main class="chat">
        <h1 class="hidden">Chat</h1>
        <aside aria-label="Models and cost">
          <Picker state={state}>
            {state.wantsKey ? (
              <KeyForm session={session} problem={state.problem} />
            ) : (
              <Models state={state} session={session} />
            )}
            {isSealedModel(state.model) && <Machines state={state} session={session} />}
            <Cost state={state} />
          </Picker>
        </aside>
        <section aria-label="Conversation">
          <Conversation state={state} session={session} onEdit={setEdited} />
          <Ask state={state} session={session} baseUrl={baseUrl} edited={edited} onEdit={setEdited} />
        </section>
      </main>
    </>
  );
}

const WIDE = '(width > 760px)';

/** On a phone the models and the cost open by a tap, so that they do not fill the screen. */
function Picker({ state: { model, wantsKey, turns }, children }: { state: ChatState; children: ComponentChildren }) {
  const box = useRef<HTMLDetailsElement>(null);
  useLayoutEffect(() => {
    const wide = matchMedia(WIDE);
    const open = (): void => {
      if (box.current) box.current.open = wide.matches || wantsKey;
    };
    open();
    wide.addEventListener('change', open);
    return () => wide.removeEventListener('change', open);
  }, [wantsKey]);
  return (
    <details class="picker" ref={box}>
      <summary>
        {nameModel(model) || 'Models'}
        <small>
          <Amount atomic={sumFees(turns)} /> so far
        </small>
      </summary>
      {children}
    </details>
  );
}

const nameModel = (id: string): string => id.split('/').slice(2).join('/') || id;

function KeyForm({ session, problem }: { session: ChatSession; problem: string | undefined }) {
  return (
    <form
      class="key"
      onSubmit={(event) => {
        event.preventDefault();
        void session.signIn(String(new FormData(event.currentTarget).get('key') ?? ''));
      }}
    >
      <h2>This gateway wants a key</h2>
      <label for="key">API key</label>
      <input id="key" name="key" type="password" autocomplete="off" />
      <button type="submit">Use it</button>
      <p class="note">It stays in this tab, and is forgotten with it.</p>
      {problem && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
    </form>
  );
}

function Models({ state: { models, model, problem }, session }: { state: ChatState; session: ChatSession }) {
  if (models === undefined)
    return <p class="empty">{problem === undefined ? 'Asking for models …' : 'No models were read.'}</p>;
  if (models.length === 0) return <p class="empty">Nobody serves a model now.</p>;
  return (
    <fieldset class="models">
      <legend>Model</legend>
      {models.map((one) => (
        <label key={one.id} class={one.id === model ? 'chosen' : ''}>
          <input
            type="radio"
            name="model"
            value={one.id}
            checked={one.id === model}
            onChange={() => session.choose(one.id)}
          />
          <ModelFigures model={one} />
        </label>
      ))}
    </fieldset>
  );
}

function ModelFigures({ model }: { model: ChatModel }) {
  const {
    id,
    pricePer1kAtomic,
    priceUnits,
    providers,
    freeCapacity,
    contextSize,
    verifiers,
    tier,
    warning,
    makesPictures,
  } = model;
  const { tokensPerSecond, latencyMs } = model;
  return (
    <span>
      <b>{nameModel(id)}</b>
      <small>
        from <Amount atomic={pricePer1kAtomic} /> per 1,000 {priceUnits}
      </small>
      <small>
        {plural(providers, 'provider')}, {freeCapacity} free ·{' '}
        {makesPictures ? 'makes pictures' : `context ${contextSize.toLocaleString('en')}`}
      </small>
      {tokensPerSecond !== undefined && (
        <small>
          {tokensPerSecond.toFixed(tokensPerSecond < 10 ? 1 : 0)} tokens per second
          {latencyMs !== undefined && `, the first after ${latencyMs} ms`}
        </small>
      )}
      <small>
        {tier}, {plural(verifiers, 'verifier')}
      </small>
      {warning && <small class="warning">{warning}</small>}
    </span>
  );
}

function Cost({ state: { turns } }: { state: ChatState }) {
  const tokens = turns.reduce((sum, turn) => sum + (turn.isPicture ? 0 : (turn.tokens ?? 0)), 0);
  const pictures = turns.filter(({ isPicture, state }) => isPicture && state === 'answered').length;
  return (
    <div class="cost">
      <h2>So far</h2>
      <p>
        <span class="sum">
          <Amount atomic={sumFees(turns)} />
        </span>
      </p>
      <p class="note">
        {plural(tokens, 'token')}
        {pictures > 0 && ` and ${plural(pictures, 'picture')}`} in {plural(turns.length, 'answer')}. History stays in
        this browser until you begin a new chat.
      </p>
    </div>
  );
}

/** How near to the end a reader follows new text, in pixels. */
const NEAR_END = 100;

function Conversation({
  state: { turns, models, isAsking },
  session,
  onEdit,
}: {
  state: ChatState;
  session: ChatSession;
  onEdit: (turn: ChatTurn) => void;
}) {
  const priceOf = (model: string): bigint | undefined => models?.find(({ id }) => id === model)?.pricePer1kAtomic;
  const box = useRef<HTMLDivElement>(null);
  const isAtEnd = useRef(true);
  const shown = turns.filter(({ isReplaced }) => isReplaced !== true);
  const last = shown.at(-1);
  useEffect(() => {
    isAtEnd.current = true;
  }, [last?.id]);
  useEffect(() => {
    if (isAtEnd.current) box.current?.scrollTo(0, box.current.scrollHeight);
  }, [last?.id, last?.answer.length, last?.state, last?.picture]);
  return (
    <div
      class="turns"
      role="log"
      aria-live="polite"
      aria-busy={isAsking}
      aria-label="Answers"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling element has to be reachable by keyboard
      tabIndex={0}
      ref={box}
      onScroll={({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) => {
        isAtEnd.current = scrollHeight - scrollTop - clientHeight < NEAR_END;
      }}
    >
      {shown.length === 0 && (
        <div class="welcome">
          <p class="large">Ask a stranger’s machine, and check its answer.</p>
          <p class="note">
            Beside each answer stand its checks, made in this browser as they come in. They cover signatures, weights,
            every token’s draw, the fee, and in the end the settlement on the chain. A tier may leave some of them out;
            the list names these.
          </p>
        </div>
      )}
      {shown.map((turn) => (
        <OneTurn
          key={turn.id}
          turn={turn}
          price={priceOf(turn.model)}
          session={session}
          {...(!isAsking && { onEdit: () => onEdit(turn) })}
        />
      ))}
    </div>
  );
}

/**
 * @param props.price of 1,000 tokens, the lowest that is on offer.
 * @param props.onEdit absent while an answer comes.
 */
function OneTurn({
  turn,
  price,
  session,
  onEdit,
}: {
  turn: ChatTurn;
  price: bigint | undefined;
  session: ChatSession;
  onEdit?: () => void;
}) {
  const { question, answer, reasoning, state, problem, tokens, feeAtomic, finish, pieces = 0 } = turn;
  const { pictures = [], lostPictures = 0, isPicture = false } = turn;
  return (
    <article aria-label={`Answer to: ${question.slice(0, 80)}`}>
      <div>
        {pictures.length > 0 && (
          <p class="pictures">
            {pictures.map((url, i) => (
              <img key={url} src={url} alt={`Number ${i + 1} of the question`} />
            ))}
          </p>
        )}
        {pictures.length === 0 && lostPictures > 0 && (
          <p class="note">
            {plural(lostPictures, 'picture')} of this question {lostPictures === 1 ? 'is' : 'are'} not in the history.
          </p>
        )}
        {question && <p class="question">{question}</p>}
        {reasoning && (
          <details class="reasoning">
            <summary>The model’s thoughts</summary>
            <p>{reasoning}</p>
          </details>
        )}
        {isPicture ? (
          <MadePicture turn={turn} />
        ) : (
          <Markdown text={answer.trimStart() || (state === 'asking' ? '…' : '')} />
        )}
        {finish === 'length' && <p class="pill cut">cut at the limit of tokens or context</p>}
        <p class={state === 'failed' ? 'note bad' : 'note'}>
          {state === 'asking' && isPicture && describeProgress(turn)}
          {state === 'asking' && !isPicture && (pieces === 0 ? 'answers …' : `${plural(pieces, 'piece')} so far`)}
          {state === 'asking' && pieces > 0 && price !== undefined && (
            <>
              {' · at least '}
              <Amount atomic={leastFee(pieces, price)} />
            </>
          )}
          {state === 'stopped' && (isPicture ? 'stopped' : 'stopped; the received part is paid for')}
          {state === 'failed' && problem}
          {state === 'answered' && (
            <>
              {tokens !== undefined && `${plural(tokens, isPicture ? 'unit' : 'token')} · `}
              {feeAtomic === undefined ? 'fee not known yet' : <Amount atomic={BigInt(feeAtomic)} />}
            </>
          )}
        </p>
        {onEdit && (
          <p class="actions">
            {answer !== '' && <CopyButton text={answer.trimStart()} label="Copy the answer" />}
            <button
              type="button"
              class="quiet small"
              onClick={() => void session.ask({ text: question, pictures }, turn.id)}
            >
              regenerate
            </button>
            <button type="button" class="quiet small" onClick={onEdit}>
              edit
            </button>
          </p>
        )}
      </div>
      {state === 'answered' && <Checks turn={turn} session={session} />}
    </article>
  );
}

const ANSWER_LISTS = {
  fail: 'Checks of the answer that failed',
  skip: 'Checks of the answer that were not made',
  pass: 'Checks of the answer',
} as const;

function Checks({ turn, session }: { turn: ChatTurn; session: ChatSession }) {
  const { checks, problem, replyId, fate, verdict = '', receiptPath } = turn;
  const [unsaved, setUnsaved] = useState<string>();
  const save = (): Promise<void> =>
    session.readReceipt(turn).then(
      (text) => {
        setUnsaved(undefined);
        saveFile(`receipt-${replyId}.json`, 'application/json', text);
      },
      (error: Error) => setUnsaved(error.message),
    );
  if (checks === undefined) {
    return (
      <div class="found" role="status">
        {problem ? `Not checked: ${problem}` : 'Fetching the receipt …'}
      </div>
    );
  }
  const of = (status: Check['status']): readonly Check[] => checks.filter((one) => one.status === status);
  const [failed, passed, waiting] = [of('fail'), of('pass'), of('skip')];
  return (
    <details class={failed.length > 0 ? 'found bad' : 'found'} open={failed.length > 0}>
      <summary>
        {failed.length > 0 ? `${plural(failed.length, 'check')} failed` : `${plural(passed.length, 'check')} passed`}
        {waiting.length > 0 && <small>{waiting.length} not yet</small>}
      </summary>
      <p class="fate">
        <Verdict verdict={verdict} /> {fate}
      </p>
      <GroupedChecks checks={checks} labels={ANSWER_LISTS} />
      <p class="note">
        {replyId && <a href={`/explorer/#/reply/${replyId}`}>Its whole life</a>}
        {receiptPath && (
          <>
            {' · '}
            <button type="button" class="quiet small" onClick={() => void save()}>
              save the receipt
            </button>
          </>
        )}
        {unsaved && <span role="alert"> It is not saved: {unsaved}</span>}
      </p>
    </details>
  );
}

function Ask({
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
  const [kind, setKind] = useState<CodeKind>('curl');
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
  const problem = unread ?? (state.wantsKey ? undefined : state.problem);
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
          <label class="hidden" for="kind">
            Kind of code
          </label>
          <select id="kind" value={kind} onChange={(event) => setKind(event.currentTarget.value as CodeKind)}>
            {CODE_KINDS.map((one) => (
              <option key={one}>{one}</option>
            ))}
          </select>
          <CopyButton
            text={writeCode(
              kind,
              baseUrl,
              session.compose(asked.text || asked.pictures.length > 0 ? asked : { ...asked, text: 'Hello' }),
            )}
            what="copy as code"
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
