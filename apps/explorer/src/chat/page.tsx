import type { Check } from '@ogong/protocol/base/checks';
import { countChecks } from '@ogong/protocol/verdict/check-count';
import { useEffect, useRef, useState } from 'preact/hooks';
import { plural } from '../format.ts';
import { Markdown } from '../markdown/markdown.tsx';
import { saveFile } from '../save-file.ts';
import { GroupedChecks } from '../view/grouped-checks.tsx';
import { Amount, CopyButton, Verdict } from '../view/parts.tsx';
import { Ask } from './ask-form.tsx';
import { type ChatTurn, leastFee, sumFees } from './conversation.ts';
import { Machines } from './machines.tsx';
import { describeProgress, MadePicture } from './made-picture.tsx';
import { LazyMemoryPanel } from './memory/lazy-panel.tsx';
import { MemorySwitch } from './memory/memory-switch.tsx';
import { TurnMemories } from './memory/turn-memories.tsx';
import { KeyForm, Models, Picker } from './model-picker.tsx';
import { isSealedModel } from './sealed-model.ts';
import type { ChatSession, ChatState } from './session.ts';

export function ChatPage({ session, baseUrl }: { session: ChatSession; baseUrl: string }) {
  const [state, setState] = useState(session.get());
  const [edited, setEdited] = useState<ChatTurn>();
  const [showsMemories, setShowsMemories] = useState(false);
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
          <a href="/explorer/#/check" aria-label="Check a receipt">
            Check
          </a>
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
            {state.hasMemory && (
              <MemorySwitch state={state} session={session} isShown={showsMemories} onShow={setShowsMemories} />
            )}
            <Cost state={state} />
          </Picker>
        </aside>
        {showsMemories ? (
          <section aria-label="Memories">
            <LazyMemoryPanel api={session.memories} onClose={() => setShowsMemories(false)} />
          </section>
        ) : (
          <section aria-label="Conversation">
            <Conversation state={state} session={session} onEdit={setEdited} />
            <Ask state={state} session={session} baseUrl={baseUrl} edited={edited} onEdit={setEdited} />
          </section>
        )}
      </main>
    </>
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
        {[
          ...(tokens > 0 || pictures === 0 ? [plural(tokens, 'token')] : []),
          ...(pictures > 0 ? [plural(pictures, 'picture')] : []),
        ].join(' and ')}{' '}
        in {plural(turns.length, 'answer')}. History stays in this browser until you begin a new chat.
      </p>
    </div>
  );
}

const EXAMPLES = [
  'Tell me a short story about a fox.',
  'Explain in three sentences how a lock works.',
  'Write a haiku about rain.',
];
const PICTURE_EXAMPLES = ['A red ship on a calm sea', 'A small fox in the snow', 'A house at night'];

/** How near to the end a reader follows new text, in pixels. */
const NEAR_END = 100;

function Conversation({
  state: { turns, models, model, wantsKey, isAsking },
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
  }, [last?.id, last?.answer.length, last?.state, last?.picture, last?.checks === undefined]);
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
          {!wantsKey && model !== '' && (
            <ul class="examples" aria-label="Examples">
              {(session.makesPictures() ? PICTURE_EXAMPLES : EXAMPLES).map((text) => (
                <li key={text}>
                  <button type="button" class="quiet" onClick={() => void session.ask({ text, pictures: [] })}>
                    {text}
                  </button>
                </li>
              ))}
            </ul>
          )}
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
        <TurnMemories turn={turn} />
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
  const [failed, waiting] = [of('fail'), of('skip')];
  const { passed } = countChecks(checks);
  return (
    <details class={failed.length > 0 ? 'found bad' : 'found'} open={failed.length > 0}>
      <summary>
        {failed.length > 0 ? `${plural(failed.length, 'check')} failed` : `${plural(passed, 'check')} passed`}
        {waiting.length > 0 && <small>{waiting.length} not yet</small>}
      </summary>
      <p class="fate">
        <Verdict verdict={verdict} /> {fate}
      </p>
      <GroupedChecks checks={checks} labels={ANSWER_LISTS} />
      <p class="note">
        {replyId && <a href={`/explorer/#/reply/${replyId}`}>Follow this reply</a>}
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
