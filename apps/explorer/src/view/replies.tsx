import { toHex } from '@ogong/protocol/base/bytes';
import { useState } from 'preact/hooks';
import { type LoggedReply, listReplies } from '../data/standing.ts';
import type { NetworkState } from '../data/store.ts';
import { formatAge, formatTime } from '../format.ts';
import { Amount, Card, Hash, Source, Table, tellMissing, Verdict } from './parts.tsx';

export function ReplyRows({ state, replies }: { state: NetworkState; replies: readonly LoggedReply[] }) {
  const reading = state.logs === undefined && tellMissing(state, 'logs', 'Reading the logs of the validators …');
  return (
    <Table
      label="Replies"
      isCompact
      head={['Reply', 'Verdict', 'Provider', 'Fee', 'Judged', 'Proof']}
      empty={
        replies.length === 0 &&
        (reading || (
          <>
            No reply was judged yet. <a href={new URL('/', state.api.baseUrl).href}>Ask a model</a>: its reply appears
            here within a minute or two.
          </>
        ))
      }
    >
      {replies.map(({ entry, id, validator, isSettled }) => (
        <tr key={`${id}${entry.index}${validator}`}>
          <td>
            <Hash hex={id} href={`#/reply/${id}`} label="reply" />
          </td>
          <td>
            <Verdict verdict={entry.verdict} />
          </td>
          <td>
            <Hash hex={toHex(entry.providerId)} href={`#/providers/${toHex(entry.providerId)}`} label="provider" />
          </td>
          <td>
            <Amount atomic={entry.feeAtomic} />
          </td>
          <td title={formatTime(entry.timeMs)}>{formatAge(entry.timeMs, state.readMs)}</td>
          <td>
            <Source isSettled={isSettled} />
          </td>
        </tr>
      ))}
    </Table>
  );
}

const SHOWN = 100;

export function Replies({ state }: { state: NetworkState }) {
  const [wanted, setWanted] = useState('');
  const all = listReplies(state.logs);
  const verdicts = [...new Set(all.map(({ entry }) => entry.verdict))].sort();
  const found = all.filter(({ entry }) => wanted === '' || entry.verdict === wanted);
  return (
    <Card
      title="Replies that were judged"
      aside={
        <label>
          Verdict{' '}
          <select value={wanted} onChange={(event) => setWanted(event.currentTarget.value)}>
            <option value="">all</option>
            {verdicts.map((verdict) => (
              <option key={verdict}>{verdict}</option>
            ))}
          </select>
        </label>
      }
      wide
    >
      <ReplyRows state={state} replies={found.slice(0, SHOWN)} />
      <p class="note">
        The newest {SHOWN} of up to 250 entries of each validator's log. The page has checked that each log is one chain
        of hashes, and where the chain's own head lies in it. Some replies are tests that validators buy: they look like
        any other order, so the page cannot mark them.
      </p>
    </Card>
  );
}
