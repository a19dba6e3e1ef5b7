import type { EarningsBalance } from '@ogong/chain/client';
import { createRepeating, type Repeating } from '@ogong/host/time/repeat';
import { formatTokens } from '@ogong/protocol/base/amount';
import type { NetworkTerms } from '@ogong/protocol/network/network-document';
import type { ServedSum } from '../provider/paid/served-store.ts';

export interface JoinViewDependencies {
  readonly say: (line: string) => void;
  /** Sums of the replies that this provider has served. */
  readonly readServed: () => readonly Pick<ServedSum, 'outcome' | 'replies'>[];
  readonly readEarnings: () => Promise<Pick<EarningsBalance, 'earned'>>;
  readonly nowMs: () => number;
}

/** Earnings leave the hold two whole periods after their own. */
const HELD_PERIODS = 3;
const INTERVAL_MS = 1_000;

/** Says when the first order comes, when its reply is audited or settled, and where its fee is. Each once, and sums as they grow. */
export function createJoinView(
  { parameters, unit }: { readonly parameters: NetworkTerms; readonly unit: string },
  { say, readServed, readEarnings, nowMs }: JoinViewDependencies,
): Repeating {
  const said = new Map<string, string>();
  const tell = (topic: string, line: string): void => {
    if (said.get(topic) === line) return;
    said.set(topic, line);
    say(line);
  };

  return createRepeating({ intervalMs: INTERVAL_MS }, async () => {
    const sums = readServed();
    const count = (isIt: (outcome: ServedSum['outcome']) => boolean): number =>
      sums.reduce((total, { outcome, replies }) => total + (isIt(outcome) ? replies : 0), 0);
    const replies = count(() => true);
    if (replies === 0) return tell('waiting', 'waiting for the first order');
    tell('first order', 'the first order has come');
    if (count((outcome) => outcome === 'waits-for-audit') > 0)
      tell('audit', 'a validator has its record; the beacon of a later epoch decides whether it is audited');
    const [rejected, paid] = [count((outcome) => outcome === 'rejected'), count((outcome) => outcome === 'paid')];
    if (rejected > 0)
      tell('rejected', `${rejected} ${rejected === 1 ? 'reply was' : 'replies were'} rejected by an audit`);
    if (paid === 0) return;
    const { earned } = await readEarnings();
    tell('paid', describeFees({ paid, earned }, { parameters, unit, nowMs: nowMs() }));
  });
}

function describeFees(
  { paid, earned }: { readonly paid: number; readonly earned: bigint },
  {
    parameters: { entranceAtomic, periodSeconds },
    unit,
    nowMs,
  }: { readonly parameters: NetworkTerms; readonly unit: string; readonly nowMs: number },
): string {
  const fees = `${paid} ${paid === 1 ? 'reply is' : 'replies are'} settled, ${formatTokens(earned)} ${unit} earned`;
  const own = earned > entranceAtomic ? earned - entranceAtomic : 0n;
  if (own === 0n) return `${fees}; the first ${formatTokens(entranceAtomic)} ${unit} of an account pay for audits`;
  if (periodSeconds === 0) return `${fees}; ${formatTokens(own)} ${unit} are this machine's`;
  const period = Math.floor(nowMs / 1_000 / periodSeconds);
  const until = new Date((period + HELD_PERIODS) * periodSeconds * 1_000).toISOString();
  return `${fees}; ${formatTokens(own)} ${unit} of them are held until ${until} at the latest`;
}
