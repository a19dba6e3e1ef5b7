import { expect, it } from 'vitest';
import { findFault } from './drive.ts';
import {
  computeTokenUs,
  evenOut,
  keepSteady,
  type LoadSample,
  middleOf,
  percentile,
  soundValue,
  summarizeLoad,
} from './load-run.ts';

const sample = (given: Partial<LoadSample>): LoadSample => ({
  ...{ client: 0, beganMs: 0, endedMs: 100, failure: undefined, tokens: 10, events: 4, gapsMs: [10] },
  ...given,
});

it('counts whole answers alone: one that fails soon is neither a reply nor a fast one', () => {
  const whole = Array.from({ length: 90 }, () => sample({}));
  const failed = Array.from({ length: 10 }, () =>
    sample({ endedMs: 1, failure: 'full', tokens: 3, events: 3, gapsMs: [1, 1] }),
  );
  const run = summarizeLoad([...whole, ...failed], { seconds: 10, cpuMs: 900 });
  expect(run).toMatchObject({ asked: 100, failures: 10, reasons: ['10 full'] });
  expect(run).toMatchObject({ repliesPerSecond: 9, cpuMs: 10, tokens: 10, events: 4, p50Ms: 100, p99Ms: 100 });
  expect(run.gapsMs).toHaveLength(90);
});

it('has no figure where more than one in a hundred fails, over all rounds together', () => {
  const run = (failures: number) =>
    summarizeLoad(
      Array.from({ length: 200 }, (_, i) => sample(i < failures ? { failure: 'late' } : {})),
      { seconds: 1, cpuMs: 1 },
    );
  expect(soundValue([run(2)], () => 7)).toBe(7);
  expect(soundValue([run(3)], () => 7)).toBeUndefined();
  expect(soundValue([run(3), run(1)], () => 7)).toBe(7);
  expect(middleOf([run(3), run(1)])).toMatchObject({ asked: 400, failures: 4 });
});

it('counts the cost of a token, or of a further one: the first tokens carry the fixed cost of a reply', () => {
  const run = (tokens: number, cpuMs: number) =>
    summarizeLoad([sample({ tokens }), sample({ tokens })], { seconds: 1, cpuMs: 2 * cpuMs });
  expect(computeTokenUs(run(64, 16))).toBe(250);
  expect(computeTokenUs(run(384, 32), run(64, 16))).toBe(50);
});

it('has no processor time if no reply was complete', () => {
  const run = summarizeLoad([sample({ failure: 'gone', tokens: 0, events: 0 })], { seconds: 1, cpuMs: 50 });
  expect(run).toMatchObject({ repliesPerSecond: 0, cpuMs: undefined, p99Ms: Number.NaN });
});

it('takes p99 by the nearest rank, which is not the largest of a hundred', () => {
  const values = Array.from({ length: 100 }, (_, i) => 100 - i);
  expect(percentile(values, 0.99)).toBe(99);
  expect(percentile(values, 0.5)).toBe(50);
  expect(percentile([3], 0.99)).toBe(3);
  expect(percentile([], 0.99)).toBeNaN();
});

it('leaves out what ran while not all clients did', () => {
  const run = (client: number, beganMs: number, endedMs: number) => sample({ client, beganMs, endedMs });
  const steady = run(0, 60, 110);
  const samples = [run(0, 0, 60), steady, run(0, 110, 160), run(1, 50, 100), run(1, 100, 150)];
  // The second client began at 50 and had nothing to ask after 150.
  expect(keepSteady(samples)).toEqual([steady, run(1, 50, 100), run(1, 100, 150)]);
});

it('compares as many values of both', () => {
  expect(evenOut([1, 2, 3], [4, 5])).toEqual([
    [1, 2],
    [4, 5],
  ]);
});

it('takes only the answer that was asked for', () => {
  const whole = (tokens: number, finish = 'length', content = 'a b') =>
    `{"choices":[{"message":{"content":"${content}"},"finish_reason":"${finish}"}],"usage":{"completion_tokens":${tokens}}}`;
  const asked = { tokens: 2, stream: false, type: 'application/json' };
  expect(findFault(whole(2), asked)).toBeUndefined();
  expect(findFault(whole(1), asked)).toBe('1 tokens instead of 2');
  expect(findFault(whole(2, 'stop'), asked)).toBe('no finish_reason length');
  expect(findFault(whole(2, 'length', ''), asked)).toBe('no text');
  expect(findFault(whole(2), { ...asked, stream: true })).toBe('an answer of type application/json');
  const stream = { tokens: 2, stream: true, type: 'text/event-stream' };
  expect(findFault(`data: ${whole(2)}\n\ndata: [DONE]\n\n`, stream)).toBeUndefined();
  expect(findFault(`data: ${whole(2)}\n\n`, stream)).toContain('an end without a word');
});
