import type { MeasureProgress } from './measure.ts';

const EVERY_MS = 2_000;
/** The rate is that of the last so many seconds: serving and checking differ in speed. */
const WINDOW_MS = 30_000;

export interface CountedProgress {
  readonly done: number;
  readonly total: number;
  readonly what: string;
}

/** Prints progress, rate and remaining time: at most every two seconds, and at the end. */
export function createRateLine(write: (line: string) => void, nowMs: () => number) {
  const marks: { readonly atMs: number; readonly done: number }[] = [{ atMs: nowMs(), done: 0 }];
  let shownMs = Number.NEGATIVE_INFINITY;
  return ({ done, total, what }: CountedProgress): void => {
    const now = nowMs();
    if (done < total && now - shownMs < EVERY_MS) return;
    shownMs = now;
    marks.push({ atMs: now, done });
    while (marks.length > 2 && now - (marks[1] as { atMs: number }).atMs > WINDOW_MS) marks.shift();
    const first = marks[0] as { atMs: number; done: number };
    const seconds = (now - first.atMs) / 1000;
    const rate = seconds > 0 ? (done - first.done) / seconds : 0;
    const left = rate > 0 ? `, ${formatSpan((total - done) / rate)} left` : '';
    write(`${done} of ${total}: ${what}, ${rate.toFixed(1)}/s${left}\n`);
  };
}

/** Creates the line of a measurement. */
export function createMeasureLine(write: (line: string) => void, nowMs: () => number) {
  const show = createRateLine(write, nowMs);
  return ({ provider, checker, done, total }: MeasureProgress): void =>
    show({ done, total, what: checker === undefined ? `${provider} serves` : `${checker} checks ${provider}` });
}

/** @param seconds >= 0, finite. */
export function formatSpan(seconds: number): string {
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
