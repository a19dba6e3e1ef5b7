import { toHex } from '@ogong/protocol/base/bytes';
import { describe, expect, it } from 'vitest';
import { createSyntheticRun } from '../demo/synthetic-run.ts';
import { checkNothingLost, type RestRecord } from './no-loss.ts';
import type { GatewayOrder } from './stores.ts';

const run = await createSyntheticRun();

/** The accounts of gateway, validators and chain after the synthetic run of the demo. */
function createRest(): RestRecord {
  const addressOf = (name: string): string => run.members.find((member) => member.name === name)!.address.slice(2);
  const logged = run.logs.flatMap(({ validator, entries }) =>
    entries.map((entry) => ({ validator: addressOf(validator), entry })),
  );
  const sum = (validator: string): bigint =>
    logged.filter((one) => one.validator === validator).reduce((total, { entry }) => total + entry.feeAtomic, 0n);
  const validators = run.logs.map(({ validator }) => addressOf(validator));
  return {
    run,
    gateway: {
      orders: logged.map(({ validator, entry }) => ({
        replyId: toHex(entry.replyId),
        validator,
        state: 'closed',
        verdict: entry.verdict,
        maxFeeAtomic: entry.feeAtomic + 5n,
        feeAtomic: entry.feeAtomic,
      })),
      channels: validators.map((validator) => ({
        validator,
        cumulativeAtomic: sum(validator) + 5n,
        owedAtomic: sum(validator),
        outstandingAtomic: 0n,
      })),
    },
    providers: [{ waiting: [], refused: [] }],
    views: new Map(logged.map(({ entry }) => [toHex(entry.replyId), { state: 'settled', verdict: entry.verdict }])),
    acknowledged: new Set(logged.filter(({ entry }) => entry.feeAtomic > 0n).map(({ entry }) => toHex(entry.replyId))),
    channels: validators.map((validator) => ({ validator, admittedAtomic: 10n ** 30n, spentAtomic: sum(validator) })),
  };
}

const rest = createRest();
const paid = rest.gateway.orders.find(({ feeAtomic }) => feeAtomic! > 0n) as GatewayOrder;
const id = paid.replyId;
const withOrder = (change: Partial<GatewayOrder>): RestRecord => ({
  ...rest,
  gateway: {
    ...rest.gateway,
    orders: rest.gateway.orders.map((order) => (order === paid ? { ...order, ...change } : order)),
  },
});
const withView = (view: { state: string; verdict: string } | undefined): RestRecord => {
  const views = new Map(rest.views);
  if (view) views.set(id, view);
  else views.delete(id);
  return { ...rest, views };
};
const ofPaid = ({ validator }: { validator: string }): boolean => validator === paid.validator;
const withChannel = (change: object): RestRecord => ({
  ...rest,
  gateway: {
    ...rest.gateway,
    channels: rest.gateway.channels.map((one) => (ofPaid(one) ? { ...one, ...change } : one)),
  },
});
const withChain = (change: object): RestRecord => ({
  ...rest,
  channels: rest.channels.map((one) => (ofPaid(one) ? { ...one, ...change } : one)),
});
const twice = rest.run.logs.map((log) =>
  log.entries.some(({ replyId }) => toHex(replyId) === id)
    ? { ...log, entries: [...log.entries, ...log.entries.filter(({ replyId }) => toHex(replyId) === id)] }
    : log,
);

describe('nothing lost', () => {
  it('holds on a run in which every order reached its end', () => {
    expect(checkNothingLost(rest)).toMatchObject({ ok: true });
  });

  it.each<[string, RestRecord]>([
    ['a record that is still with its provider', { ...rest, providers: [{ waiting: [id], refused: [] }] }],
    ['a record that was refused', { ...rest, providers: [{ waiting: [], refused: [id] }] }],
    ['an acknowledged record that is gone', withView(undefined)],
    ['an acknowledged record that became abandoned', withView({ state: 'abandoned', verdict: 'abandoned' })],
    ['a reply that is still under audit', withView({ state: 'recorded', verdict: '' })],
    ['a reply with two verdicts', { ...rest, run: { ...rest.run, logs: twice } }],
    [
      'a verdict without an order',
      { ...rest, gateway: { ...rest.gateway, orders: rest.gateway.orders.filter((order) => order !== paid) } },
    ],
    ['an order that is open', withOrder({ state: 'open' })],
    ['another fee in the books than in the log', withOrder({ feeAtomic: paid.feeAtomic! + 1n })],
    ['a fee above the maximum', withOrder({ maxFeeAtomic: 0n })],
    ['a verdict that the gateway knows otherwise', withOrder({ verdict: 'reject' })],
    ['a verdict by another validator', withOrder({ validator: 'ff'.repeat(20) })],
    ['a reservation that is never released', withChannel({ outstandingAtomic: 1n })],
    ['a debt that the gateway does not know', withChannel({ owedAtomic: 0n })],
    ['a draw beyond the voucher', withChannel({ cumulativeAtomic: 0n })],
    ['a draw beyond the channel', withChain({ admittedAtomic: 0n })],
    ['a draw that no reply explains', withChain({ spentAtomic: 1n })],
  ])('fails on %s', (_what, broken) => {
    expect(checkNothingLost(broken).ok).toBe(false);
  });
});
