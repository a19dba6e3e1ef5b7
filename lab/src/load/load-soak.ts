import {
  computeGrowth,
  judgeMemory,
  LIVE_SLACK_MIB,
  type MemorySample,
  RESIDENT_SLACK_MIB,
} from '../bench/network/memory-verdict.ts';
import type { Row } from '../bench/row.ts';
import { drive, type LoadSide } from './drive.ts';
import { type LoadChild, readMemory } from './load-child.ts';
import { isSound, type LoadRun } from './load-run.ts';

/** Row counts of a gateway's store. */
export interface BookCounts {
  readonly orders: number;
  /** Without a verdict. */
  readonly open: number;
  readonly receipts: number;
}

export interface SoakLook extends MemorySample {
  /** Asked by then. */
  readonly asked: number;
  readonly books: BookCounts;
}

export interface GatewaySoak {
  readonly looks: readonly SoakLook[];
  readonly runs: readonly LoadRun[];
}

/** More than judgeMemory wants, so that half of them are enough for a slope. */
const LOOKS = 20;
/** Orders that may wait for their verdict at the end: four epochs and a look of the gateway, at a thousand a second. */
const MOST_OPEN = 16_000;

/** Sends requests all the time and samples the gateway's memory. @param onLook called with each sample. */
export async function soakGateway(
  { own, gateway }: { readonly own: LoadSide; readonly gateway: LoadChild },
  replies: number,
  onLook: (look: SoakLook) => void = () => {},
): Promise<GatewaySoak> {
  const part = Math.ceil(replies / LOOKS);
  const [looks, runs]: [SoakLook[], LoadRun[]] = [[], []];
  for (let done = 0; done < LOOKS; done++) {
    runs.push(await drive(own, { replies: part, concurrency: 32, tokens: 16, stream: done % 2 === 1 }));
    const look: SoakLook = {
      asked: (done + 1) * part,
      liveMib: (await gateway.ask<number>('live')) / 2 ** 20,
      residentMib: readMemory(own.pid) ?? Number.NaN,
      books: await gateway.ask<BookCounts>('books'),
    };
    looks.push(look);
    onLook(look);
  }
  return { looks, runs };
}

/** Why a soak failed; empty where it did not. */
export function judgeGatewaySoak({ looks, runs }: GatewaySoak): string[] {
  const last = looks.at(-1);
  if (last === undefined) return ['nothing was asked'];
  const { orders, open } = last.books;
  const failed = runs.flatMap(({ reasons }) => reasons);
  return [
    ...judgeMemory(looks),
    ...(isSound(runs) ? [] : [`too many answers failed: ${failed.join(', ')}`]),
    // Memory that waits for verdicts has to be given back by them.
    ...(open > Math.min(MOST_OPEN, orders / 2) ? [`${open} of ${orders} orders have no verdict`] : []),
  ];
}

export function listSoakRows(soak: GatewaySoak): Row[] {
  const { looks, runs } = soak;
  const shown = looks
    .filter((_, i) => i % 2 === 1)
    .map(({ asked, liveMib, residentMib }) => `${liveMib.toFixed(1)} and ${residentMib.toFixed(0)} after ${asked}`);
  const { orders = 0, open = 0, receipts = 0 } = looks.at(-1)?.books ?? {};
  const failures = runs.reduce((sum, run) => sum + run.failures, 0);
  const failed = failures > 0 ? `; ${failures} failed (${runs.flatMap(({ reasons }) => reasons).join(', ')})` : '';
  const note = `every other sample of a gateway with its checker; half of the answers streamed; clocks, epochs and verdicts running. MiB that JavaScript holds, and resident: ${shown.join(', ')}; ${orders} orders, ${open} of them without a verdict, ${receipts} receipts${failed}`;
  const problems = judgeGatewaySoak(soak);
  const verdict = problems.length > 0 ? `; not flat: ${problems.join('; ')}` : '';
  const asked = looks.at(-1)?.asked ?? 0;
  const grown = (what: keyof MemorySample): number | undefined =>
    isSound(runs) ? computeGrowth(looks, what) : undefined;
  return [
    {
      ...{
        id: 'load-heap',
        what: 'growth of the JavaScript heap of a gateway in the second half of a soak',
        unit: 'MiB',
      },
      ...{ value: grown('liveMib'), aim: { at: 'most', value: LIVE_SLACK_MIB } },
      note: `${asked} replies, since pools, caches and code fill in the first half; ${note}${verdict}; \`npm run nightly -- gateway-soak\` runs 100,000, and fails where memory is not flat`,
    },
    {
      ...{ id: 'load-resident', what: 'growth of its resident memory, checker included', unit: 'MiB' },
      ...{ value: grown('residentMib'), aim: { at: 'most', value: RESIDENT_SLACK_MIB } },
    },
  ];
}
