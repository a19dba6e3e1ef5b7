import { toHex } from '@ogong/protocol/base/bytes';
import { isJudged, type Verdict } from '@ogong/protocol/settlement/verdict-log';
import { useEffect, useRef, useState } from 'preact/hooks';
import { type KeyEarnings, readEarnings } from '../data/ledger.ts';
import { readReplyModels } from '../data/reply-models.ts';
import {
  type LoggedReply,
  listProviders,
  listReplies,
  type ProviderStanding,
  sumDays,
  UNKNOWN_ROOT,
} from '../data/standing.ts';
import type { NetworkState } from '../data/store.ts';
import { formatAge, plural } from '../format.ts';
import { Amount, Card, Facts, Hash, Table, tellMissing } from './parts.tsx';
import { ReplyRows } from './replies.tsx';

const countJudged = ({ verdicts }: ProviderStanding): number =>
  Object.entries(verdicts).reduce(
    (sum, [verdict, count]) => sum + (isJudged(verdict as Verdict) ? (count ?? 0) : 0),
    0,
  );

function Standing({ provider }: { provider: ProviderStanding }) {
  if (provider.isEjected) return <span class="pill v-reject">ejected</span>;
  const rejected = provider.verdicts.reject ?? 0;
  return rejected > 0 ? <span class="pill v-reject">{rejected} rejected</span> : <span class="pill">no reject</span>;
}

export function Providers({ state, id }: { state: NetworkState; id?: string }) {
  const replies = listReplies(state.logs);
  const providers = listProviders(replies, state.ledger);
  if (id !== undefined) {
    const found = providers.find((one) => one.id === id);
    if (found) return <OneProvider state={state} provider={found} />;
  }
  return (
    <Card title={id === undefined || state.logs === undefined ? 'Providers' : 'No such provider in what was read'} wide>
      <Table
        label="Providers"
        head={['Provider', 'Standing', 'Replies', 'Audited', 'Accepted', 'Earned, before shares', 'Last seen']}
        empty={
          providers.length === 0 &&
          (state.logs === undefined
            ? tellMissing(state, 'logs', 'Reading the logs of the validators …')
            : 'No provider has answered yet. Those that offer a model now stand on the page of that model.')
        }
      >
        {providers.map((provider) => (
          <tr key={provider.id}>
            <td>
              <Hash hex={provider.id} href={`#/providers/${provider.id}`} label="provider" />
            </td>
            <td>
              <Standing provider={provider} />
            </td>
            <td>{provider.replies}</td>
            <td>{countJudged(provider)}</td>
            <td>{provider.verdicts.accept ?? 0}</td>
            <td>
              <Amount atomic={provider.grossAtomic} />
            </td>
            <td>{provider.lastMs === 0 ? 'long ago' : formatAge(provider.lastMs, state.readMs)}</td>
          </tr>
        ))}
      </Table>
      <p class="note">
        Counted by this page from the validators' logs, and from the chain's payments. They are not ranked.
      </p>
    </Card>
  );
}

/** Reads the amount that the chain holds for the key, after shares. */
function useEarnings({ reader, deployment, ledger }: NetworkState, { id, payee }: ProviderStanding) {
  const [read, setRead] = useState<KeyEarnings>();
  useEffect(() => {
    if (reader === undefined || deployment === undefined || !/^0x[0-9a-f]{40}$/.test(payee)) return;
    const key = { providerId: `0x${id}`, payee: payee as `0x${string}` } as const;
    readEarnings(reader, deployment, key).then(setRead, () => setRead(undefined));
  }, [reader, deployment, ledger?.block, id, payee]);
  return read;
}

function OneProvider({ state, provider }: { state: NetworkState; provider: ProviderStanding }) {
  const earnings = useEarnings(state, provider);
  const replies = listReplies(state.logs).filter(({ entry }) => toHex(entry.providerId) === provider.id);
  return (
    <>
      <Card title="Provider" wide>
        <Facts
          rows={[
            ['Key', <Hash key="k" hex={provider.id} />],
            ['Paid to', <Hash key="p" hex={provider.payee} href={`#/account/${provider.payee}`} />],
            ['Standing', <Standing key="s" provider={provider} />],
            ['Earned, before shares', <Amount key="e" atomic={provider.grossAtomic} />],
            ...(earnings
              ? ([
                  ['Held by the chain', <Amount key="h" atomic={earnings.held} />],
                  ['Withdrawable', <Amount key="w" atomic={earnings.withdrawable} />],
                  ['Paid out', <Amount key="o" atomic={earnings.paid} />],
                ] as const)
              : []),
            [
              'Verdicts',
              Object.entries(provider.verdicts)
                .map(([verdict, count]) => `${count} ${verdict}`)
                .join(', ') || 'none in what was read',
            ],
          ]}
        />
      </Card>
      <Days state={state} replies={replies} />
      <Card title={`Its ${plural(replies.length, 'newest reply', 'newest replies')}`} wide>
        <ReplyRows state={state} replies={replies.slice(0, 50)} />
      </Card>
    </>
  );
}

/** Reads the models of the newest replies, each once. */
function useReplyModels({ api }: NetworkState, replies: readonly LoggedReply[]) {
  const known = useRef(new Map<string, string>()).current;
  const [problem, setProblem] = useState<string>();
  const [, setCount] = useState(0);
  const newest = replies[0]?.id;
  useEffect(() => {
    const reading = new AbortController();
    const show = () => setCount(known.size);
    readReplyModels(api, replies, { known, show, signal: reading.signal }).then((found) => {
      if (!reading.signal.aborted) setProblem(found);
    });
    return () => reading.abort();
  }, [api, newest, replies.length]);
  return { models: known, problem };
}

function ModelName({ state: { models = [] }, root }: { state: NetworkState; root: string }) {
  if (root === UNKNOWN_ROOT) return <span class="note">not shown</span>;
  const named = models.filter(({ modelRoot }) => modelRoot === `0x${root}`);
  if (named.length === 0) return <Hash hex={root} />;
  return named.map(({ id }) => (
    <a key={id} class="line" href={`#/models/${encodeURIComponent(id)}`}>
      {id}
    </a>
  ));
}

function Days({ state, replies }: { state: NetworkState; replies: readonly LoggedReply[] }) {
  const { models, problem } = useReplyModels(state, replies);
  const days = sumDays(replies, models);
  return (
    <Card title="By day and model" wide>
      <Table
        label="Earned by day and model"
        head={['Day, UTC', 'Model', 'Replies', 'Fees settled', 'Fees not settled yet', 'Not paid']}
        empty={days.length === 0 && 'The logs that were read have no reply of it.'}
      >
        {days.map(({ day, modelRoot, replies: count, settledAtomic, pendingAtomic, unpaid }) => (
          <tr key={day + modelRoot}>
            <td>{day}</td>
            <td>
              <ModelName state={state} root={modelRoot} />
            </td>
            <td>{count}</td>
            <td>
              <Amount atomic={settledAtomic} />
            </td>
            <td>
              <Amount atomic={pendingAtomic} />
            </td>
            <td>
              {Object.entries(unpaid)
                .map(([verdict, number]) => `${number} ${verdict}`)
                .join(', ') || 'none'}
            </td>
          </tr>
        ))}
      </Table>
      <p class="note">
        Fees before shares, from the newest entries of the validators' logs. A log names no model. An entry has the hash
        of its record, which names the weights. The gateway shows records of replies that it ordered without a key, and
        this page compares their hashes.
        {problem !== undefined && ` No more records were read: ${problem}`} The provider sees all by{' '}
        <code>ogong earnings --days</code>.
      </p>
    </Card>
  );
}
