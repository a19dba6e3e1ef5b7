import { pass } from '@ogong/protocol/base/checks';
import { GatewayApiError, ReceiptError } from '@ogong/sdk';
import { expect, it } from 'vitest';
import { createFeeMeter } from './fee-meter.ts';

const { signal } = new AbortController();
const answer = (fee: bigint) => ({ replies: [{ checks: [pass('fee', `${fee} atomic units for 3 + 4 tokens`)] }] });

it('counts a purchase whose caller has left, and begins none for a caller that left before', async () => {
  const fees = createFeeMeter(1_000n);
  const caller = new AbortController();
  const came = Promise.withResolvers<ReturnType<typeof answer>>();
  let given: AbortSignal | undefined;
  const first = fees.buy((one) => {
    given = one;
    return came.promise;
  }, caller.signal);
  const queued = fees.buy(async () => answer(700n), caller.signal);
  await Promise.resolve();
  caller.abort();
  expect(given?.aborted).toBe(false);
  came.resolve(answer(600n));
  await first;
  await expect(queued).rejects.toThrow('aborted');
  expect(fees.spentAtomic()).toBe(600n);
});

it('calls that are all cancelled end at the limit', async () => {
  const fees = createFeeMeter(1_000n);
  let bought = 0;
  for (let call = 0; call < 20; call++) {
    const caller = new AbortController();
    const purchase = async () => {
      caller.abort();
      bought += 1;
      return answer(300n);
    };
    await fees.buy(purchase, caller.signal).catch(() => undefined);
  }
  expect([bought, fees.spentAtomic()]).toEqual([4, 1_200n]);
});

it('a purchase that never ends makes room for the next one', async () => {
  const fees = createFeeMeter(1_000n, 20);
  const hanging = fees.buy(
    (one) => new Promise<never>((_, reject) => one.addEventListener('abort', () => reject(one.reason))),
    signal,
  );
  const next = fees.buy(async () => answer(5n), signal);
  await expect(hanging).rejects.toThrow('timeout');
  expect(await next).toEqual(answer(5n));
});

it('a purchase that fails counts as the dearest one, and a refused request costs nothing', async () => {
  const fees = createFeeMeter(1_000n);
  const failWith = (error: Error) => fees.buy(() => Promise.reject(error), signal).catch(() => undefined);
  await failWith(new Error('the line broke'));
  await fees.buy(async () => answer(300n), signal);
  await failWith(new GatewayApiError(400, {}));
  expect(fees.spentAtomic()).toBe(300n);
  const { checks } = answer(1n).replies[0] as { checks: ReturnType<typeof pass>[] };
  await failWith(new ReceiptError('record', 'the record is of another reply', { checks }));
  expect(fees.spentAtomic()).toBe(301n);
  await failWith(new GatewayApiError(502, {}));
  await failWith(new Error('the line broke'));
  expect(fees.spentAtomic()).toBe(901n);
  await fees.buy(async () => answer(300n), signal);
  await expect(fees.buy(async () => answer(1n), signal)).rejects.toThrow(
    'the answers cost 0.000000000000001201 of 0.000000000000001 OGONG',
  );
});
