import { VERDICTS } from '@ogong/protocol/settlement/verdict-log';
import { useEffect, useRef, useState } from 'preact/hooks';
import { type RecordTimes, readReplyTimes } from '../data/reply-models.ts';
import { computeMedian, formatStep, groupByTime } from '../data/series.ts';
import { type LoggedReply, listReplies } from '../data/standing.ts';
import type { NetworkState } from '../data/store.ts';
import { formatAmount, plural } from '../format.ts';
import { type Bar, BarChart } from './bar-chart.tsx';
import { Card, tellMissing } from './parts.tsx';

const timeOf = ({ entry }: LoggedReply): number => entry.timeMs;
/** A chart is exact to a millionth of a token, which a number can hold. */
const toMillionths = (atomic: bigint): number => Number(atomic / 10n ** 12n);
const formatMillionths = (value: number): string =>
  `${formatAmount(BigInt(Math.round(value)) * 10n ** 12n)}\u00a0OGONG`;
const formatSeconds = (ms: number): string => `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;

/** Replies, verdicts, fees and the time to answer, over the entries that the page has read. */
export function OverTime({ state }: { state: NetworkState }) {
  const replies = listReplies(state.logs);
  if (replies.length === 0) {
    const missing = tellMissing(state, 'logs', 'Reading the logs of the validators …');
    return (
      <p class="empty">
        {state.logs === undefined ? missing : 'No reply was judged yet. The charts begin with the first one.'}
      </p>
    );
  }
  const { stepMs, buckets } = groupByTime(replies, timeOf);
  const step = formatStep(stepMs);
  const verdicts: readonly Bar[] = buckets.map(({ fromMs, items }) => ({
    fromMs,
    parts: VERDICTS.flatMap((verdict) => {
      const value = items.filter(({ entry }) => entry.verdict === verdict).length;
      return value === 0 ? [] : [{ name: verdict, value }];
    }),
  }));
  const fees: readonly Bar[] = buckets.map(({ fromMs, items }) => {
    const sum = (isSettled: boolean): number =>
      toMillionths(
        items.reduce((total, one) => (one.isSettled === isSettled ? total + one.entry.feeAtomic : total), 0n),
      );
    return {
      fromMs,
      parts: [
        { name: 'settled', value: sum(true) },
        { name: 'not settled yet', value: sum(false) },
      ],
    };
  });
  return (
    <>
      <div class="grid">
        <Card title={`Replies by verdict, each ${step}`}>
          <BarChart title="Replies by verdict" bars={verdicts} format={(value) => plural(value, 'reply', 'replies')} />
        </Card>
        <Card title={`Fees, each ${step}`}>
          <BarChart title="Fees" bars={fees} format={formatMillionths} />
        </Card>
        <TimeToAnswer state={state} replies={replies} />
      </div>
      <p class="note">
        Times are those of the verdicts, in UTC. The page reads the newest 250 entries of each validator’s log, so the
        first bar may miss replies.
      </p>
    </>
  );
}

/** The time from order to end of an answer, by the records of the newest replies. */
function TimeToAnswer({ state: { api }, replies }: { state: NetworkState; replies: readonly LoggedReply[] }) {
  const known = useRef(new Map<string, RecordTimes | undefined>()).current;
  const [problem, setProblem] = useState<string>();
  const [count, setCount] = useState(0);
  const newest = replies[0]?.id;
  useEffect(() => {
    const reading = new AbortController();
    const show = () => setCount(known.size);
    readReplyTimes(api, replies, { known, show, signal: reading.signal }).then((found) => {
      if (!reading.signal.aborted) setProblem(found);
    });
    return () => reading.abort();
  }, [api, newest, replies.length]);
  const timed = replies.flatMap((reply) => {
    const times = known.get(reply.id);
    return times === undefined ? [] : [{ timeMs: reply.entry.timeMs, durationMs: times.durationMs }];
  });
  const { stepMs, buckets } = groupByTime(timed, ({ timeMs }) => timeMs);
  const bars: readonly Bar[] = buckets.map(({ fromMs, items }) => ({
    fromMs,
    parts: [{ name: 'median', value: computeMedian(items.map(({ durationMs }) => durationMs)) ?? 0 }],
  }));
  return (
    <Card title={`Time to answer, median${timed.length > 0 ? ` of each ${formatStep(stepMs)}` : ''}`} wide>
      {timed.length > 0 ? (
        <BarChart title="Time to answer" bars={bars} format={formatSeconds} />
      ) : (
        <p class="empty">{problem === undefined && count === 0 ? 'Reading records …' : 'No record was read.'}</p>
      )}
      <p class="note">
        From the times in the signed records of the newest replies, as providers state them. The page compares each
        record with the hash in the log. A gateway with keys shows records to the key that ordered them.
        {problem !== undefined && ` No more records were read: ${problem}`}
      </p>
    </Card>
  );
}
