import type { ComponentChildren } from 'preact';
import { useLayoutEffect, useRef } from 'preact/hooks';
import { plural } from '../format.ts';
import { Amount } from '../view/parts.tsx';
import { sumFees } from './conversation.ts';
import type { ChatModel } from './gateway.ts';
import type { ChatSession, ChatState } from './session.ts';

const WIDE = '(width > 760px)';

/** On a phone the models and the cost open by a tap, so that they do not fill the screen. */
export function Picker({
  state: { model, wantsKey, turns },
  children,
}: {
  state: ChatState;
  children: ComponentChildren;
}) {
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

export function KeyForm({ session, problem }: { session: ChatSession; problem: string | undefined }) {
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

export function Models({ state: { models, model, problem }, session }: { state: ChatState; session: ChatSession }) {
  if (models === undefined)
    return <p class="empty">{problem === undefined ? 'Asking for models …' : 'No models were read.'}</p>;
  if (models.length === 0)
    return (
      <p class="empty">
        Nobody serves a model now. The <a href="/explorer/#/hub">hub</a> has models that you can serve yourself.
      </p>
    );
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
  const { tokensPerSecond, latencyMs, promptReaders } = model;
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
      {tokensPerSecond !== undefined && !makesPictures && (
        <small>
          {tokensPerSecond.toFixed(tokensPerSecond < 10 ? 1 : 0)} tokens per second
          {latencyMs !== undefined && `, the first after ${latencyMs} ms`}
        </small>
      )}
      <small>
        {tier}, {plural(verifiers, 'verifier')}
      </small>
      {promptReaders > 1 && <small>up to {promptReaders} providers read prompt and answer</small>}
      {warning && <small class="warning">{warning}</small>}
    </span>
  );
}
