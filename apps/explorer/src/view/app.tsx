import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { listProviders, listReplies } from '../data/standing.ts';
import type { NetworkState, NetworkStore } from '../data/store.ts';
import { findRoute } from '../search.ts';
import { Account } from './account.tsx';
import { CheckAgentRun } from './agent-run.tsx';
import { Batches } from './batches.tsx';
import { Beacon } from './beacon.tsx';
import { CheckReceipt } from './check.tsx';
import { Drift } from './drift.tsx';
import { LazyHub } from './hub/lazy-hub.tsx';
import { Models } from './models.tsx';
import { OverTime } from './over-time.tsx';
import { Overview } from './overview.tsx';
import { Penalties } from './penalties.tsx';
import { Providers } from './providers.tsx';
import { Replies } from './replies.tsx';
import { Reply } from './reply.tsx';
import { Validators } from './validators.tsx';

const PAGES = [
  ['', 'Overview'],
  ['time', 'Over time'],
  ['replies', 'Replies'],
  ['providers', 'Providers'],
  ['validators', 'Validators'],
  ['models', 'Models'],
  ['hub', 'Hub'],
  ['drift', 'Drift'],
  ['batches', 'Batches'],
  ['beacon', 'Beacon'],
  ['penalties', 'Penalties'],
  ['check', 'Check a receipt'],
  ['agent', "Check an agent's run"],
] as const;

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
  const current = useRef<HTMLAnchorElement>(null);
  useEffect(() => {
    document.title = `${name} · OGONG explorer`;
    // On a phone the row of pages scrolls.
    current.current?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
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
        <nav aria-label="Pages">
          {PAGES.map(([path, label]) => (
            <a
              key={path}
              href={`#/${path}`}
              {...(isCurrent(path, page) && { ref: current, 'aria-current': 'page' as const })}
            >
              {label}
            </a>
          ))}
        </nav>
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

const SINGULAR: Readonly<Record<string, string>> = { reply: 'A reply', account: 'An account', id: 'Search' };
const nameOf = (page: string): string => PAGES.find(([path]) => path === page)?.[1] ?? SINGULAR[page] ?? 'No such page';
const isCurrent = (path: string, page: string): boolean => path === page || (path === 'replies' && page === 'reply');

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
  if (page === 'time') return <OverTime state={state} />;
  if (page === 'replies') return <Replies state={state} />;
  if (page === 'reply' && given) return <Reply key={given} state={state} id={given} />;
  if (page === 'providers') return <Providers state={state} {...(given && { id: given })} />;
  if (page === 'validators') return <Validators state={state} {...(given && { address: given })} />;
  if (page === 'models') return <Models state={state} {...(given && { id: given })} />;
  if (page === 'hub') return <LazyHub state={state} maker={given} model={second} />;
  if (page === 'drift') return <Drift state={state} {...(given && { row: given })} />;
  if (page === 'batches') return <Batches state={state} {...(given && { wanted: given })} />;
  if (page === 'beacon') return <Beacon state={state} />;
  if (page === 'penalties') return <Penalties state={state} />;
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

function Search() {
  const [problem, setProblem] = useState<string>();
  return (
    <search class="search">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          const found = findRoute(String(new FormData(event.currentTarget).get('wanted') ?? ''));
          setProblem('problem' in found ? found.problem : undefined);
          if ('route' in found) location.hash = found.route;
        }}
      >
        <label class="hidden" for="wanted">
          Search the network
        </label>
        <input
          id="wanted"
          name="wanted"
          type="search"
          autocomplete="off"
          spellcheck={false}
          placeholder="Reply, address, provider, batch or model"
          aria-describedby="search-problem"
        />
        <p id="search-problem" class="problem" role="status">
          {problem}
        </p>
      </form>
    </search>
  );
}

const NAMES: Readonly<Record<string, string>> = {
  network: 'The gateway',
  models: 'The router',
  chain: 'The chain',
  logs: 'A log',
  beacon: 'The beacon',
};

function Problems({ state: { problems }, isOffline }: { state: NetworkState; isOffline: boolean }) {
  const found = Object.entries(problems);
  if (found.length === 0) return null;
  return (
    <p class="banner" role="status">
      {found.map(([what, problem]) => `${NAMES[what] ?? what} is not read: ${problem.replace(/\.$/, '')}. `)}
      {isOffline && 'Receipts are checked all the same.'}
    </p>
  );
}
