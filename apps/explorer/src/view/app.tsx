import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { listProviders, listReplies } from '../data/standing.ts';
import type { NetworkState, NetworkStore } from '../data/store.ts';
import { Account } from './account.tsx';
import { CheckAgentRun } from './agent-run.tsx';
import { Batches } from './batches.tsx';
import { Beacon } from './beacon.tsx';
import { CheckReceipt } from './check.tsx';
import { LazyHub } from './hub/lazy-hub.tsx';
import { LazyPages } from './lazy-pages.tsx';
import { Models } from './models.tsx';
import { Navigation, nameOf } from './navigation.tsx';
import { Overview } from './overview.tsx';
import { Problems } from './problems.tsx';
import { Providers } from './providers.tsx';
import { Replies } from './replies.tsx';
import { Reply } from './reply.tsx';
import { Search } from './search-form.tsx';
import { Validators } from './validators.tsx';

/** Decodes an address that was typed, perhaps incompletely. */
function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
const readHash = (): readonly string[] => location.hash.replace(/^#\/?/, '').split('/').map(decode);

export function App({ store }: { store: NetworkStore }) {
  const [state, setState] = useState(store.get());
  const [route, setRoute] = useState(readHash());
  const title = useRef<HTMLHeadingElement>(null);
  useEffect(() => store.subscribe(setState), [store]);
  // Before the first paint: an address that changes in between would be missed.
  useLayoutEffect(() => {
    const change = () => {
      setRoute(readHash());
      scrollTo(0, 0);
      title.current?.focus();
    };
    addEventListener('hashchange', change);
    return () => removeEventListener('hashchange', change);
  }, []);
  const [page = '', argument, second] = route;
  const name = nameOf(page);
  useEffect(() => {
    document.title = `${name} · OGONG explorer`;
  }, [name]);
  return (
    <>
      <button type="button" class="skip-link" onClick={() => title.current?.focus()}>
        Skip to the content
      </button>
      <header class="top">
        <a class="brand" href="#/">
          <img src="icon.svg" alt="" width="26" height="26" />
          <span>
            OGONG <em>explorer</em>
          </span>
        </a>
        <Search />
        <Navigation page={page} />
      </header>
      <main id="main">
        <h1 ref={title} tabIndex={-1}>
          {name}
        </h1>
        <Problems state={state} isOffline={page === 'check' || page === 'agent'} />
        <Page page={page} argument={argument} second={second} state={state} />
      </main>
      <footer>
        <p>
          {state.reader ? 'Checked in this browser against the chain' : 'Not compared with the chain'} ·{' '}
          <a href="../">chat</a> · read from {new URL(state.api.baseUrl).host}
        </p>
      </footer>
    </>
  );
}

function Page({
  page,
  argument,
  second,
  state,
}: {
  page: string;
  argument: string | undefined;
  second: string | undefined;
  state: NetworkState;
}): ComponentChildren {
  const given = argument === undefined || argument === '' ? undefined : argument;
  if (page === '') return <Overview state={state} />;
  if (page === 'time' || page === 'drift' || page === 'penalties')
    return <LazyPages state={state} page={page} row={given} />;
  if (page === 'replies') return <Replies state={state} />;
  if (page === 'reply' && given) return <Reply key={given} state={state} id={given} />;
  if (page === 'providers') return <Providers state={state} {...(given && { id: given })} />;
  if (page === 'validators') return <Validators state={state} {...(given && { address: given })} />;
  if (page === 'models') return <Models state={state} {...(given && { id: given })} />;
  if (page === 'hub') return <LazyHub state={state} maker={given} model={second} />;
  if (page === 'batches') return <Batches state={state} {...(given && { wanted: given })} />;
  if (page === 'beacon') return <Beacon state={state} />;
  if (page === 'account' && given) return <Account key={given} state={state} address={given} />;
  if (page === 'id' && given) return <Named state={state} hex={given} />;
  if (page === 'check') return <CheckReceipt state={state} />;
  if (page === 'agent') return <CheckAgentRun state={state} />;
  return (
    <p class="empty">
      There is nothing here. Go to the <a href="#/">overview</a>.
    </p>
  );
}

/** 64 hexadecimal digits are a provider's key or a transaction. */
function Named({ state, hex }: { state: NetworkState; hex: string }) {
  const isProvider = listProviders(listReplies(state.logs), state.ledger).some(({ id }) => id === hex);
  if (isProvider) return <Providers state={state} id={hex} />;
  return <Batches state={state} wanted={`0x${hex}`} />;
}
