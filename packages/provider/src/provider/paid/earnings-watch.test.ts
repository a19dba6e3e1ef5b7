import { createMetrics } from '@ogong/host/metrics/metrics';
import { createFakeEarnings } from '@ogong/testing/chain/fake-earnings';
import { describe, expect, it } from 'vitest';
import { createEarningsWatch } from './earnings-watch.ts';

const PERIOD = 100;
const account = { providerId: new Uint8Array(32).fill(1), payee: new Uint8Array(20).fill(2) };
const unit = 10n ** 18n;

function openWatch(withdrawFromAtomic: bigint | undefined) {
  /** So much the present epoch takes, as where a network pays in credits. */
  const clock = { now: 1_000, isDown: false, room: undefined as bigint | undefined };
  const earnings = createFakeEarnings({ periodSeconds: PERIOD, entrance: unit, nowSeconds: () => clock.now });
  const metrics = createMetrics('provider');
  const warnings: unknown[] = [];
  const watch = createEarningsWatch(
    { ...account, intervalMs: 1_000_000, withdrawFromAtomic },
    {
      client: async () =>
        clock.isDown
          ? Promise.reject(new Error('down'))
          : { ...earnings.client, carriedOf: async (amount) => clock.room ?? amount },
      metrics,
      log: { info() {}, warn: (details: unknown) => warnings.push(details) } as never,
    },
  );
  const credit = (tokens: bigint): void => earnings.credit(account.providerId, account.payee, tokens * unit);
  const shown = async () => {
    const found = await metrics.registry.getSingleMetric('ogong_provider_earnings_ogong')?.get();
    return Object.fromEntries(found?.values.map(({ labels, value }) => [labels.state, value]) ?? []);
  };
  return { clock, earnings, watch, credit, shown, warnings };
}

describe('the earnings of a provider', () => {
  it('is shown, and paid out once enough of it has vested', async () => {
    const { clock, earnings, watch, credit, shown } = openWatch(5n * unit);
    credit(4n);
    await watch.trigger();
    expect(await shown()).toEqual({ held: 4, withdrawable: 0, paid: 0, pool: 0 });
    clock.now += PERIOD;
    credit(3n);
    clock.now += 2 * PERIOD;
    await watch.trigger();
    // Less than the operator has transactions made for.
    expect(await shown()).toEqual({ held: 3, withdrawable: 3, paid: 0, pool: 0 });
    clock.now += PERIOD;
    await watch.trigger();
    expect(await shown()).toEqual({ held: 0, withdrawable: 0, paid: 6, pool: 0 });
    expect(earnings.tokensOf(account.payee)).toBe(6n * unit);
  });

  it('waits while the epoch is full, and is shown all the same', async () => {
    const { clock, watch, credit, shown, warnings } = openWatch(0n);
    credit(4n);
    clock.now += 3 * PERIOD;
    clock.room = 0n;
    await watch.trigger();
    expect(await shown()).toMatchObject({ withdrawable: 3, paid: 0 });
    clock.room = undefined;
    await watch.trigger();
    expect(await shown()).toMatchObject({ withdrawable: 0, paid: 3 });
    expect(warnings).toEqual([]);
  });

  it('waits while an epoch takes next to nothing of it', async () => {
    const { clock, watch, credit, shown } = openWatch(2n * unit);
    credit(4n);
    clock.now += 3 * PERIOD;
    clock.room = unit / 5n - 1n;
    await watch.trigger();
    expect(await shown()).toMatchObject({ withdrawable: 3, paid: 0 });
    clock.room = unit / 5n;
    await watch.trigger();
    expect(await shown()).toMatchObject({ withdrawable: 0, paid: 3 });
  });

  it('is paid out by nobody unless the operator wants it', async () => {
    const { clock, watch, credit, shown } = openWatch(undefined);
    credit(4n);
    clock.now += 3 * PERIOD;
    await watch.trigger();
    expect(await shown()).toMatchObject({ withdrawable: 3, paid: 0 });
  });

  it('is looked for again after the chain was down', async () => {
    const { clock, watch, credit, shown, warnings } = openWatch(0n);
    clock.isDown = true;
    watch.start();
    await expect.poll(() => warnings).toHaveLength(1);
    clock.isDown = false;
    credit(4n);
    clock.now += 3 * PERIOD;
    await watch.trigger();
    expect(await shown()).toMatchObject({ paid: 3 });
    await watch.stop();
  });
});
