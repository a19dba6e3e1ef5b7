import type { NetworkState } from '../data/store.ts';
import { formatTime } from '../format.ts';

const NAMES: Readonly<Record<string, string>> = {
  models: 'The router',
  chain: 'The chain',
  logs: 'A log',
  beacon: 'The beacon',
};

const SUBJECTS_OF_CHAIN = ['chain'];
const SUBJECTS_OF_GATEWAY = ['network', 'models', 'logs', 'beacon'];

/**
 * Returns the time of the last good read of subjects that cannot be read now. It is undefined if all can be read, or none ever was.
 * A gateway that does not answer makes all of its subjects out of date.
 */
export function findStaleMs({ problems, readAtMs }: NetworkState, ...subjects: readonly string[]): number | undefined {
  const isAway = problems.network !== undefined;
  const stale = subjects.filter((one) => problems[one] !== undefined || (isAway && SUBJECTS_OF_GATEWAY.includes(one)));
  const times = stale.flatMap((one) => readAtMs[one] ?? []);
  return times.length === 0 ? undefined : Math.min(...times);
}

/** The time of day of figures that are out of date. */
export const formatStale = (ms: number): string => `as of ${formatTime(ms).slice(11)} UTC`;

/** One sentence for the cause. If the gateway does not answer, its other problems follow from that. */
function describe({ problems }: NetworkState): string | undefined {
  const { network } = problems;
  if (network !== undefined) {
    const cause = network.replace(/\.$/, '');
    return /^the gateway /.test(cause) ? `T${cause.slice(1)}.` : `The gateway is not read: ${cause}.`;
  }
  const found = Object.entries(problems);
  if (found.length === 0) return undefined;
  return found.map(([what, problem]) => `${NAMES[what] ?? what} is not read: ${problem.replace(/\.$/, '')}.`).join(' ');
}

/** The reason for missing or old figures, and the time of those that are shown. */
export function Problems({ state, isOffline }: { state: NetworkState; isOffline: boolean }) {
  const problem = describe(state);
  if (problem === undefined) return null;
  const ms = findStaleMs(state, ...SUBJECTS_OF_GATEWAY, ...SUBJECTS_OF_CHAIN);
  return (
    <p class="banner" role="status">
      {problem}
      {isOffline ? ' Receipts are checked all the same.' : ms !== undefined && ` The figures are ${formatStale(ms)}.`}
    </p>
  );
}
