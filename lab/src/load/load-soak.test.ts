import { expect, it } from 'vitest';
import { summarizeLoad } from './load-run.ts';
import { type GatewaySoak, judgeGatewaySoak, listSoakRows, type SoakLook } from './load-soak.ts';

const REPLIES = 50;

/** @param liveOf live MiB by the number of the sample. */
const soak = (liveOf: (i: number) => number, given: Partial<SoakLook> = {}, failures = 0): GatewaySoak => ({
  looks: Array.from({ length: 20 }, (_, i) => ({
    ...{ asked: (i + 1) * REPLIES, liveMib: liveOf(i), residentMib: 600 },
    ...{ books: { orders: 1_000, open: 40, receipts: 900 }, ...given },
  })),
  runs: [
    summarizeLoad(
      Array.from({ length: 200 }, (_, i) => ({
        ...{ client: 0, beganMs: 0, endedMs: 1, tokens: 0, events: 0, gapsMs: [] },
        failure: i < failures ? 'late' : undefined,
      })),
      { seconds: 1, cpuMs: 1 },
    ),
  ],
});

it('a soak in which memory came to rest and orders were closed is good', () => {
  expect(judgeGatewaySoak(soak((i) => 100 + Math.min(i, 8)))).toEqual([]);
});

it.each<[string, GatewaySoak]>([
  ['what JavaScript holds grew by 10.0 MiB', soak((i) => 100 + i)],
  [
    'resident memory grew',
    { ...soak(() => 100), looks: soak(() => 100).looks.map((look, i) => ({ ...look, residentMib: 5 * i })) },
  ],
  ['900 of 1000 orders have no verdict', soak(() => 100, { books: { orders: 1_000, open: 900, receipts: 9 } })],
  ['too many answers failed: 3 late', soak(() => 100, {}, 3)],
  ['nothing was asked', { looks: [], runs: [] }],
])('%s', (reason, bad) => {
  expect(judgeGatewaySoak(bad).join()).toContain(reason);
});

it('tells what the second half added, and nothing where too many failed', () => {
  // One MiB with each look, from the tenth on.
  const [live, resident] = listSoakRows(soak((i) => 100 + Math.max(0, i - 9)));
  expect(live).toMatchObject({ value: 10, note: expect.stringContaining('not flat') });
  expect(resident).toMatchObject({ value: 0 });
  expect(listSoakRows(soak(() => 1, {}, 3))[0]?.value).toBeUndefined();
});
