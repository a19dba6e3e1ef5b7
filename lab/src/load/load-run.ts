import { median } from '../bench/row.ts';

/** One reply as its client saw it. */
export interface LoadSample {
  readonly client: number;
  readonly beganMs: number;
  readonly endedMs: number;
  /** Undefined for an answer that is whole. */
  readonly failure: string | undefined;
  readonly tokens: number;
  /** Events of its stream that bring text; 0 for an answer that is not streamed. */
  readonly events: number;
  /** Between two arrivals of its stream. */
  readonly gapsMs: readonly number[];
}

/** Figures of complete answers. A failed answer does not count as a reply. */
export interface LoadRun {
  readonly asked: number;
  readonly failures: number;
  /** Messages of the first few failures. */
  readonly reasons: readonly string[];
  readonly repliesPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Of the gateway, for each whole answer, with what failures cost; undefined where /proc is not there. */
  readonly cpuMs: number | undefined;
  /** Of each whole answer, in the mean. */
  readonly tokens: number;
  readonly events: number;
  /** Of each whole answer, in the order in which they ended. */
  readonly tookMs: readonly number[];
  readonly gapsMs: readonly number[];
}

/** A row says nothing about a gateway that fails more often than this. */
const MOST_FAILED = 0.01;

/** By the nearest rank: with 100 values and more, 0.99 is not the largest. @returns NaN for none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

/** @param took seconds of all of it, and the gateway's processor time. */
export function summarizeLoad(
  samples: readonly LoadSample[],
  { seconds, cpuMs }: { readonly seconds: number; readonly cpuMs: number | undefined },
): LoadRun {
  const whole = samples.filter(({ failure }) => failure === undefined);
  const mean = (what: 'tokens' | 'events'): number => whole.reduce((sum, one) => sum + one[what], 0) / whole.length;
  const tookMs = whole.map(({ beganMs, endedMs }) => endedMs - beganMs);
  const reasons = new Map<string, number>();
  for (const { failure } of samples) if (failure !== undefined) reasons.set(failure, (reasons.get(failure) ?? 0) + 1);
  return {
    ...{ asked: samples.length, failures: samples.length - whole.length },
    reasons: [...reasons].slice(0, 5).map(([reason, count]) => `${count} ${reason}`),
    repliesPerSecond: whole.length / seconds,
    ...{ p50Ms: percentile(tookMs, 0.5), p99Ms: percentile(tookMs, 0.99) },
    cpuMs: cpuMs !== undefined && whole.length > 0 ? cpuMs / whole.length : undefined,
    ...{ tokens: mean('tokens'), events: mean('events') },
    ...{ tookMs, gapsMs: whole.flatMap(({ gapsMs }) => gapsMs) },
  };
}

/** Returns the samples between the last client's first start and the first client's last end: all ran beside as many others. */
export function keepSteady(samples: readonly LoadSample[]): LoadSample[] {
  const begins = new Map<number, number>();
  const ends = new Map<number, number>();
  for (const { client, beganMs, endedMs } of samples) {
    begins.set(client, Math.min(begins.get(client) ?? beganMs, beganMs));
    ends.set(client, Math.max(ends.get(client) ?? endedMs, endedMs));
  }
  const [from, to] = [Math.max(...begins.values()), Math.min(...ends.values())];
  return samples.filter(({ beganMs, endedMs }) => beganMs >= from && endedMs <= to);
}

/** Cuts two lists to the same length, so that the p99 of both is as far from the largest. */
export function evenOut(a: readonly number[], b: readonly number[]): readonly [readonly number[], readonly number[]] {
  const count = Math.min(a.length, b.length);
  return [a.slice(0, count), b.slice(0, count)];
}

const countOf = (runs: readonly LoadRun[], what: 'asked' | 'failures'): number =>
  runs.reduce((sum, run) => sum + run[what], 0);

/** Whether so few answers failed that the rest is worth a figure. */
export const isSound = (runs: readonly LoadRun[]): boolean =>
  countOf(runs, 'failures') <= MOST_FAILED * countOf(runs, 'asked');

/** @returns undefined where too many failed. */
export const soundValue = (runs: readonly LoadRun[], value: () => number | undefined): number | undefined =>
  isSound(runs) ? value() : undefined;

/** Medians over the rounds. */
export function middleOf(runs: readonly LoadRun[]): LoadRun {
  const middle = (what: 'repliesPerSecond' | 'p50Ms' | 'p99Ms' | 'cpuMs' | 'tokens' | 'events'): number =>
    median(runs.map((run) => run[what] ?? Number.NaN));
  return {
    ...{ asked: countOf(runs, 'asked'), failures: countOf(runs, 'failures') },
    reasons: runs.flatMap(({ reasons }) => reasons),
    ...{ repliesPerSecond: middle('repliesPerSecond'), p50Ms: middle('p50Ms'), p99Ms: middle('p99Ms') },
    ...{ cpuMs: middle('cpuMs'), tokens: middle('tokens'), events: middle('events') },
    ...{ tookMs: runs.flatMap(({ tookMs }) => tookMs), gapsMs: runs.flatMap(({ gapsMs }) => gapsMs) },
  };
}

/** Processor time for a token, us. @param less other replies: of those tokens alone that the first have more. */
export function computeTokenUs(run: LoadRun, less?: LoadRun): number | undefined {
  if (run.cpuMs === undefined) return undefined;
  return ((run.cpuMs - (less?.cpuMs ?? 0)) * 1000) / (run.tokens - (less?.tokens ?? 0));
}

/** The same of what a client gets as one chunk, which is several tokens. */
export function describeChunkUs(run: LoadRun, less?: LoadRun): string {
  if (run.cpuMs === undefined) return 'not measured a chunk';
  const us = ((run.cpuMs - (less?.cpuMs ?? 0)) * 1000) / (run.events - (less?.events ?? 0));
  return `${us.toFixed(0)} us a chunk`;
}

export const describeEvents = ({ tokens, events }: LoadRun): string =>
  `${tokens.toFixed(0)} tokens in ${events.toFixed(0)} events with text a reply`;

export function describeRun(name: string, run: LoadRun): string {
  const { repliesPerSecond, p99Ms, cpuMs, asked, failures, reasons } = run;
  const failed = failures > 0 ? `, ${failures} of ${asked} failed (${reasons.join(', ')})` : '';
  return `${name} ${repliesPerSecond.toFixed(1)} replies/s, ${cpuMs?.toFixed(2)} ms of processor a reply, p99 ${p99Ms.toFixed(0)} ms${failed}`;
}
