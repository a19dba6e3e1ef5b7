import { listProviders, listReplies } from '../data/standing.ts';
import type { NetworkState } from '../data/store.ts';
import { formatAge, formatPpm, plural } from '../format.ts';
import { BatchRows } from './batches.tsx';
import { ModelRows } from './models.tsx';
import { Amount, Card, Figure } from './parts.tsx';
import { findStaleMs } from './problems.tsx';
import { ReplyRows } from './replies.tsx';

export function Overview({ state }: { state: NetworkState }) {
  const { info, ledger, models, logs, beacon } = state;
  const replies = listReplies(logs);
  const known = Math.max(listProviders(replies, ledger).length, ...(models ?? []).map((one) => one.providers));
  const validators = ledger?.validators ?? info?.validators ?? [];
  const stake = validators.reduce((sum, one) => sum + one.stake, 0n);
  const judged = logs?.reduce((sum, { length }) => sum + length, 0n);
  const settled = logs?.reduce((sum, { settledLength }) => sum + settledLength, 0n);
  return (
    <>
      <dl class="figures">
        <Figure
          name="Epoch"
          value={`${beacon?.epoch ?? info?.epoch ?? '…'}`}
          note={beacon ? `${beacon.kind} beacon` : ''}
          staleMs={findStaleMs(state, 'network', 'beacon')}
        />
        <Figure
          name="Replies judged"
          value={judged === undefined ? '…' : judged.toLocaleString('en')}
          note={settled === undefined ? '' : `${settled.toLocaleString('en')} settled on chain`}
          staleMs={findStaleMs(state, 'logs')}
        />
        <Figure
          name="Validators"
          value={validators.length || '…'}
          note={
            <>
              <Amount atomic={stake} /> bonded
            </>
          }
          staleMs={findStaleMs(state, ledger ? 'chain' : 'network')}
        />
        <Figure
          name="Providers"
          value={known}
          note={plural(models?.reduce((sum, one) => sum + one.freeCapacity, 0) ?? 0, 'free slot')}
          staleMs={findStaleMs(state, 'logs', 'models')}
        />
        <Figure
          name="In escrow"
          value={ledger ? <Amount atomic={ledger.escrowAtomic} /> : '…'}
          staleMs={findStaleMs(state, 'chain')}
        />
        <Figure
          name="Block"
          value={ledger ? ledger.block.toLocaleString('en') : '…'}
          note={ledger ? formatAge(ledger.timeMs, state.readMs) : ''}
          staleMs={findStaleMs(state, 'chain')}
        />
      </dl>
      <NetworkMap state={state} providers={known} />
      <div class="grid">
        <Card title="Newest replies" aside={<a href="#/replies">all</a>} wide>
          <ReplyRows state={state} replies={replies.slice(0, 8)} />
        </Card>
        <Card title="Models on offer" aside={<a href="#/models">all</a>} wide>
          <ModelRows state={state} models={models?.slice(0, 6)} isBrief />
        </Card>
        <Card title="Settled batches" aside={<a href="#/batches">all</a>} wide>
          <BatchRows state={state} batches={ledger?.batches.slice(0, 6)} isBrief />
        </Card>
        <Money state={state} />
      </div>
    </>
  );
}

/** The roles, in the order in which a reply meets them. */
function NetworkMap({ state, providers }: { state: NetworkState; providers: number }) {
  const { info, ledger, models } = state;
  const validators = ledger?.validators ?? info?.validators ?? [];
  const verifiers = Math.max(0, ...(models ?? []).map((one) => one.verifiers));
  const steps = [
    { name: 'Gateway', what: 'orders, and pays', count: '1 read here', href: '#/check' },
    { name: 'Router', what: 'matches', count: models ? plural(models.length, 'model') : '…', href: '#/models' },
    {
      name: 'Providers',
      what: 'answer',
      count: `${providers} known`,
      href: '#/providers',
    },
    { name: 'Verifiers', what: 'run it again', count: models ? `${verifiers} for a model` : '…', href: '#/models' },
    {
      name: 'Validators',
      what: 'judge, and sign',
      count: plural(validators.length, 'registered', 'registered'),
      href: '#/validators',
    },
    {
      name: 'Chain',
      what: 'settles',
      count: ledger ? plural(ledger.batches.length, 'batch', 'batches') : 'not read',
      href: '#/batches',
    },
  ];
  return (
    <nav class="map" aria-label="Roles of the network">
      <ol>
        {steps.map(({ name, what, count, href }) => (
          <li key={name}>
            <a href={href}>
              <b>{name}</b>
              <span>{what}</span>
              <em>{count}</em>
            </a>
          </li>
        ))}
      </ol>
    </nav>
  );
}

function Money({ state: { ledger } }: { state: NetworkState }) {
  if (ledger === undefined) return null;
  const parts = [
    ['Supply', ledger.supplyAtomic],
    ['Staked and bonded', ledger.stakedAtomic],
    ['In escrow', ledger.escrowAtomic],
    ['Held earnings', ledger.earningsAtomic],
    ['Rewards of co-signers, not claimed', ledger.potsAtomic],
    ['Fees settled lately', ledger.batches.reduce((sum, { gross }) => sum + gross, 0n)],
  ] as const;
  const shares = Object.entries(ledger.shares).filter(([, ppm]) => ppm > 0);
  return (
    <Card title="Supply, stake and fees" wide>
      <dl class="facts columns">
        {parts.map(([name, atomic]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              <Amount atomic={atomic} />
            </dd>
          </div>
        ))}
        <div>
          <dt>Audited fraction</dt>
          <dd>{formatPpm(ledger.alphaPpm)} of replies, at least</dd>
        </div>
      </dl>
      <h3>Shares of a fee</h3>
      <div class="bar" aria-hidden="true">
        {shares.map(([name, ppm], i) => (
          <i key={name} class={`part part-${i % 6}`} style={{ flexGrow: ppm }} />
        ))}
      </div>
      <ul class="legend">
        {shares.map(([name, ppm], i) => (
          <li key={name}>
            <i class={`part part-${i % 6}`} aria-hidden="true" /> {name} {formatPpm(ppm)}
          </li>
        ))}
      </ul>
    </Card>
  );
}
