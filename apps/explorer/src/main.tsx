import { render } from 'preact';
import { loadChecks } from './check/load-checks.ts';
import { loadMachine } from './check/load-machine.ts';
import { createNetworkStore } from './data/store.ts';
import { App } from './view/app.tsx';

/** The gateway that is read: named in the address, in `network.json` beside the page, or the page's own host. */
async function findGateway(): Promise<string> {
  const named = new URLSearchParams(location.search).get('gateway');
  if (named !== null && URL.canParse(named)) return named;
  try {
    const { gateway } = (await (await fetch('network.json')).json()) as { gateway?: unknown };
    if (typeof gateway === 'string' && URL.canParse(gateway)) return gateway;
  } catch {
    // A page that was opened from a file has none.
  }
  return location.origin === 'null' ? 'http://127.0.0.1:4546' : location.origin;
}

const store = createNetworkStore(await findGateway());
render(<App store={store} />, document.getElementById('root') as HTMLElement);
store.run();
// After the first view, so that a receipt can be checked without a connection later. Without it they are loaded with the first receipt.
setTimeout(
  () =>
    void loadChecks()
      .then(loadMachine)
      .catch(() => undefined),
  0,
);
