import { generatePrivateKey } from '@ogong/chain/keys';
import type { UptoPermit } from '@ogong/chain/money/permits';
import { expect } from 'vitest';
import { BENCH_CONFIRMATIONS, type PermitBench } from './permit-bench.ts';

export const MAXIMUM = 1_000n;
export const MAX_FEE = 100n;

/** Makes a permit whose request is over, with one open order. */
export async function owePermit({ money, sign, desk, order, end }: PermitBench): Promise<UptoPermit> {
  const offer = await sign(generatePrivateKey(), { maximum: MAXIMUM, nonce: 7n });
  money.fund(offer.permit.from, MAXIMUM);
  const taken = await desk(0).take(offer, MAX_FEE);
  if (typeof taken === 'string' || !(await order(offer.permit, MAX_FEE)))
    throw new TypeError('the permit is not taken');
  await end(offer.permit);
  return offer.permit;
}

/** Lets two gateways read the same row. One of them fixes its amount, and the verdict comes before the other one settles. */
export async function checkStaleRow(bench: PermitBench): Promise<void> {
  const { money } = bench;
  const permit = await owePermit(bench);
  money.state.timeS = permit.deadline - 60n;
  const { takeByPermit, chainTime } = money.chain;
  // A gateway reads the time after it listed the rows.
  let listed = 0;
  money.chain.chainTime = () => {
    listed++;
    return chainTime();
  };
  money.chain.takeByPermit = async (...given) => {
    const sent = await takeByPermit(...given);
    await bench.settle(permit, 40n);
    return sent;
  };
  const release = await bench.hold();
  const steps = [bench.desk(0).step(), bench.desk(1).step()];
  await expect.poll(() => listed).toBe(2);
  release();
  await Promise.all(steps);
  money.state.block += BENCH_CONFIRMATIONS;
  await bench.desk(1).step();

  expect(money.takenBy(permit)).toBe(MAX_FEE);
  expect(await bench.find(permit)).toMatchObject({ state: 'done', takenAtomic: MAX_FEE });
  expect(await bench.readMoney(permit)).toEqual({ spent: 40n, kept: 40n, left: 60n });
}
