import type { Check } from '@ogong/protocol/base/checks';
import { useEffect, useRef, useState } from 'preact/hooks';
import { formatAmount, plural } from '../format.ts';
import { saveFile } from '../save-file.ts';
import { Amount, CheckList, CopyButton, Verdict } from '../view/parts.tsx';
import { CODE_KINDS, type CodeKind, writeCode } from './as-code.ts';
import { type ChatTurn, leastFee, sumFees } from './conversation.ts';
import type { ChatModel } from './gateway.ts';
import { Machines } from './machines.tsx';
import { isSealedModel } from './sealed-model.ts';
import type { ChatSession, ChatState } from './session.ts';

export function ChatPage({ session, baseUrl }: { session: ChatSession; baseUrl: string }) {
  const [state, setState] = useState(session.get());
  useEffect(() => {
    const leave = session.subscribe(setState);
    return () => void leave();
  }, [session]);
  return (
    <>
      <header class="top">
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
          {state.wantsKey ? (
            <KeyForm session={session} problem={state.problem} />
          ) : (
            <Models state={state} session={session} />
          )}
          {isSealedModel(state.model) && <Machines state={state} session={session} />}
          <Cost state={state} session={session} />
        </aside>
        <section aria-label="Conversation">
          <Conversation state={state} session={session} />
          <Ask state={state} session={session} baseUrl={baseUrl} />
        </section>
      </main>
    </>
  );
}

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
  if (models === undefined) return <p class="empty">{problem ?? 'Asking for models …'}</p>;
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
  const { id, pricePer1kAtomic, providers, freeCapacity, contextSize, verifiers, tier, warning } = model;
  const { tokensPerSecond, latencyMs } = model;
  return (
    <span>
      <b>{id.split('/').slice(2).join('/') || id}</b>
      <small>
        from <Amount atomic={pricePer1kAtomic} /> per 1,000 tokens
      </small>
      <small>
        {plural(providers, 'provider')}, {freeCapacity} free · context {contextSize.toLocaleString('en')}
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

function Cost({ state: { turns }, session }: { state: ChatState; session: ChatSession }) {
  const tokens = turns.reduce((sum, turn) => sum + (turn.tokens ?? 0), 0);
  return (
    <div class="cost">
      <h2>So far</h2>
      <p>
        <span class="sum">{formatAmount(sumFees(turns))}</span> OGONG
      </p>
      <p class="note">
        {plural(tokens, 'token')} in {plural(turns.length, 'answer')}. History stays in this browser.
      </p>
      {turns.length > 0 && (
        <button type="button" class="quiet small" onClick={() => session.forget()}>
          Forget it
        </button>
      )}
    </div>
  );
}

function Conversation({ state: { turns, models }, session }: { state: ChatState; session: ChatSession }) {
  const priceOf = (model: string): bigint | undefined => models?.find(({ id }) => id === model)?.pricePer1kAtomic;
  const end = useRef<HTMLDivElement>(null);
  const length = turns.at(-1)?.answer.length;
  useEffect(() => end.current?.scrollIntoView({ block: 'end' }), [turns.length, length]);
  return (
    <div class="turns" role="log" aria-live="polite" aria-label="Answers">
      {turns.length === 0 && (
        <div class="welcome">
          <p class="large">Ask a stranger’s machine, and check its answer.</p>
          <p class="note">
            Beside each answer stand its checks, made in this browser as they come in. They cover signatures, weights,
            every token’s draw, the fee, and in the end the settlement on the chain. A tier may leave some of them out;
            the list names these.
          </p>
        </div>
      )}
      {turns.map((turn) => (
        <OneTurn key={turn.id} turn={turn} price={priceOf(turn.model)} session={session} />
      ))}
      <div ref={end} />
    </div>
  );
}

/** @param props.price of 1,000 tokens, the lowest that is on offer. */
function OneTurn({ turn, price, session }: { turn: ChatTurn; price: bigint | undefined; session: ChatSession }) {
  const { question, answer, reasoning, state, problem, tokens, feeAtomic, pieces = 0 } = turn;
  return (
    <article aria-label={`Answer to: ${question.slice(0, 80)}`}>
      <div>
        <p class="question">{question}</p>
        {reasoning && (
          <details class="reasoning">
            <summary>The model’s thoughts</summary>
            <p>{reasoning}</p>
          </details>
        )}
        <p class="answer">{answer || (state === 'asking' ? '…' : '')}</p>
        <p class={state === 'failed' ? 'note bad' : 'note'}>
          {state === 'asking' && (pieces === 0 ? 'answers …' : `${plural(pieces, 'piece')} so far`)}
          {state === 'asking' && pieces > 0 && price !== undefined && (
            <> · at least {formatAmount(leastFee(pieces, price))} OGONG</>
          )}
          {state === 'stopped' && 'stopped; the received part is paid for'}
          {state === 'failed' && problem}
          {state === 'answered' && (
            <>
              {tokens !== undefined && `${plural(tokens, 'token')} · `}
              {feeAtomic === undefined ? 'fee not known yet' : `${formatAmount(BigInt(feeAtomic))} OGONG`}
            </>
          )}
        </p>
      </div>
      {state === 'answered' && <Checks turn={turn} session={session} />}
    </article>
  );
}

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
        {failed.length > 0 ? `${failed.length} checks failed` : `${plural(passed.length, 'check')} passed`}
        {waiting.length > 0 && <small>{waiting.length} not yet</small>}
      </summary>
      <p class="fate">
        <Verdict verdict={verdict} /> {fate}
      </p>
      <CheckList checks={[...failed, ...waiting, ...passed]} label="Checks of the answer" />
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

function Ask({ state, session, baseUrl }: { state: ChatState; session: ChatSession; baseUrl: string }) {
  const [question, setQuestion] = useState('');
  const [kind, setKind] = useState<CodeKind>('curl');
  const canAsk = question.trim() !== '' && state.model !== '' && !state.isAsking;
  const submit = (): void => {
    if (!canAsk) return;
    void session.ask(question.trim());
    setQuestion('');
  };
  return (
    <form
      class="ask"
      onSubmit={(event) => {
        event.preventDefault();
        submit();
      }}
    >
      <label class="hidden" for="question">
        Your question
      </label>
      <textarea
        id="question"
        rows={1}
        placeholder="Your question"
        value={question}
        onInput={(event) => setQuestion(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
          event.preventDefault();
          submit();
        }}
      />
      <div>
        <label class="hidden" for="kind">
          Kind of code
        </label>
        <select id="kind" value={kind} onChange={(event) => setKind(event.currentTarget.value as CodeKind)}>
          {CODE_KINDS.map((one) => (
            <option key={one}>{one}</option>
          ))}
        </select>
        <CopyButton text={writeCode(kind, baseUrl, session.compose(question.trim() || 'Hello'))} what="copy as code" />
        <span class="gap" />
        {state.isAsking ? (
          <button type="button" class="quiet" onClick={() => session.stop()}>
            Stop
          </button>
        ) : (
          <button type="submit" disabled={!canAsk}>
            Ask
          </button>
        )}
      </div>
    </form>
  );
}
