import { mayStand, type Plan } from '../plan.ts';

/** An epoch that an honest validator lacks. */
export interface LackedEpoch {
  readonly machine: string;
  /** Whether a key signs the epoch before it: then this one has no proposer. */
  readonly isKeys: boolean;
  /** For how long the newest epoch had been open when the last fault ended. Undefined for an epoch that is open since. */
  readonly openMs?: number | undefined;
  /** From the end of the last fault to the moment at which the validator may have it; 0 where that was before. */
  readonly sinceMs: number;
}

/** The longest wait of an honest validator in a network without faults. */
export interface EpochWaits {
  /** When the last fault has ended. */
  readonly wellMs: number;
  /** From the moment at which the validator may have the epoch, and not before the network is well. */
  mostMs(epoch: LackedEpoch): number;
  /** Behind the first honest validator that has an epoch of the bootstrap beacon. */
  lagMs(epoch: LackedEpoch): number;
}

/** As docs/spec/beacon.md has it: a validator leaves view v after (v + 1) times as long as the first, at most eightfold. */
const LEAST_VIEW_MS = 2_000;
const MAX_PATIENCE = 8;
/** With the links and disks of a network that is well. */
const LINKS_MS = 500;
/** A call that the chain does not answer fails after this time. The registry is read at the interval below. */
const SWALLOWED_MS = 10_000;
const REGISTRY_MS = 10_000;
/** A validator that lacks certificates of a key asks for them at this interval. */
const ASK_MS = 2_000;
/** The set of an epoch is fixed by the second epoch before it. */
const EPOCHS_TO_A_SET = 3;
/** Until the next attempt to deal shares is over, and they sign. */
const EPOCHS_TO_SHARES = 20;
/** Without a value for so long, validators begin an epoch again with those that are listed. */
const STANDING_EPOCHS = 8;

type WaitingPlan = Pick<
  Plan,
  'epochMs' | 'validators' | 'faults' | 'faultyMs' | 'healMs' | 'liars' | 'isThreshold' | 'stakes'
>;

/**
 * Computes the longest wait for an epoch after the last fault. An epoch of the bootstrap beacon may lose three kinds of views:
 * - the open view;
 * - the views of liars;
 * - one view in which honest validators differ, because liars show a certificate to only some of them.
 *
 * An epoch of a key has no view: it comes when the clocks of its signers have reached it.
 */
export function boundWaits(plan: WaitingPlan): EpochWaits {
  const { epochMs, faults, faultyMs, healMs, liars, isThreshold } = plan;
  const ends = faults.map((fault) => (fault.kind === 'skew' ? 0 : Math.min(fault.atMs + fault.forMs, faultyMs)));
  const wellMs = Math.max(0, ...ends);
  const viewMs = Math.max(LEAST_VIEW_MS, epochMs / 4);
  const resendMs = Math.max(100, Math.min(2_000, epochMs / 10));
  const gatherMs = Math.min(500, epochMs / 20);
  const liarsViews = liars.filter(({ machine }) => machine.startsWith('validator')).length;
  const behindMs = Math.max(
    0,
    ...faults.map((fault) => (fault.kind === 'skew' ? -fault.skewMs - fault.drift * (faultyMs + healMs) : 0)),
  );
  const stalls = faults.flatMap((fault, i) =>
    fault.kind === 'stall' ? [{ atMs: fault.atMs, endMs: ends[i] as number }] : [],
  );
  const agreedMs = gatherMs + 2 * resendMs + LINKS_MS;

  const patienceOf = (view: number): number => viewMs * Math.min(view + 1, MAX_PATIENCE);
  const viewsMs = (from: number, count: number): number =>
    Array.from({ length: count }, (_, i) => patienceOf(from + i)).reduce((sum, ms) => sum + ms, 0);

  /** The highest view that an own timeout can have opened by then. */
  function viewAfter(openMs: number): number {
    let view = 0;
    for (let leftMs = openMs - patienceOf(0); leftMs >= 0; leftMs -= patienceOf(view)) view++;
    return view;
  }

  /** A validator that left is in a set again once a validator has read the registry and that set is in use. */
  const backMs = REGISTRY_MS + SWALLOWED_MS + EPOCHS_TO_A_SET * (epochMs + viewsMs(0, liarsViews + 1));
  const lying = new Set(liars.map(({ machine }) => machine));
  const leaving = faults.flatMap((fault) =>
    fault.kind === 'leave' && !lying.has(fault.machine)
      ? [{ machine: fault.machine, endMs: Math.min(fault.atMs + fault.forMs, faultyMs) }]
      : [],
  );
  const standsUntilMs = mayStand(plan)
    ? Math.max(...leaving.map(({ endMs }) => endMs)) + backMs
    : Number.NEGATIVE_INFINITY;

  /** Until a validator that came back has shares, it asks for epochs of a key and gets them one period late. */
  function absentMs({ machine, isKeys, sinceMs }: LackedEpoch): number {
    const left = leaving.filter((one) => one.machine === machine).map(({ endMs }) => endMs);
    if (left.length === 0) return 0;
    const awayMs = Math.max(...left) - wellMs - sinceMs;
    if (isKeys) return awayMs + EPOCHS_TO_SHARES * epochMs > 0 ? epochMs + ASK_MS : 0;
    return Math.max(0, awayMs + backMs);
  }

  /** Whether the machine starts again while the chain does not answer. It knows no set of validators then. */
  const startsBlind = (machine: string, { atMs, endMs }: { readonly atMs: number; readonly endMs: number }): boolean =>
    faults.some((fault, i) => {
      const isStart = fault.kind === 'crash' && fault.machine === machine;
      return isStart && (ends[i] as number) >= atMs && (ends[i] as number) <= endMs;
    });

  /** The time at which unanswered calls to the chain have failed, and a validator that started blindly has read it again. */
  const answeredMs = (machine: string): number =>
    Math.max(0, ...stalls.map((stall) => stall.endMs + SWALLOWED_MS + (startsBlind(machine, stall) ? REGISTRY_MS : 0)));

  /** Time allowed for the chain and for its list of validators. */
  function listedMs(epoch: LackedEpoch): number {
    const stands = !epoch.isKeys && wellMs + epoch.sinceMs <= standsUntilMs;
    const standingMs = stands ? STANDING_EPOCHS * epochMs : 0;
    return standingMs + absentMs(epoch) + Math.max(0, answeredMs(epoch.machine) - wellMs - epoch.sinceMs);
  }

  return {
    wellMs,
    mostMs(epoch) {
      const { isKeys, openMs } = epoch;
      const clocksMs = isThreshold ? behindMs : 0;
      const restMs = clocksMs + agreedMs + listedMs(epoch);
      // Missed epochs are signed in order.
      if (isKeys) return restMs + (openMs === undefined ? 0 : ASK_MS + Math.ceil(openMs / epochMs) * resendMs);
      const views = openMs === undefined ? viewsMs(0, liarsViews + 1) : viewsMs(viewAfter(openMs), liarsViews + 2);
      return views + restMs;
    },
    lagMs: (epoch) => epochMs + agreedMs + listedMs(epoch),
  };
}
