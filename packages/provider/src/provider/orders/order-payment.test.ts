import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { Refusal } from '@ogong/host/link/link-error';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import { expect, it } from 'vitest';
import type { VerifiedOrder } from '../../modality/order-job.ts';
import type { ProviderState } from '../provider-state.ts';
import { reservePayment } from './order-payment.ts';

const routerKey = new Uint8Array(1_344).fill(5);
const HOLD = { drop() {}, keep: async () => {} };
const verified = {
  order: { router: new Uint8Array(20).fill(7), expiresAtMs: 1_800_000_000_000n },
  ticket: { modelId: 'ogong/verified/test/model' },
} as unknown as VerifiedOrder;

/** Notes each step that costs something. */
function createState({
  isKnown = false,
  mayRead = true,
  hasBond = true,
  refusal,
}: {
  isKnown?: boolean;
  mayRead?: boolean;
  hasBond?: boolean;
  refusal?: Refusal;
}) {
  const steps: string[] = [];
  const state = {
    crypto,
    receivables: {
      knows: () => isKnown,
      async hold() {
        steps.push('channel');
        if (refusal) throw refusal;
        return HOLD;
      },
    },
    newcomers: {
      takeReading() {
        steps.push('budget');
        return mayRead;
      },
    },
    holdings: { heldFor: async () => 0n },
    chain: {
      async router() {
        steps.push('router');
        return hasBond ? { sinceMs: 0, untilMs: undefined, ticketKey: hashHybridKey(crypto, routerKey) } : undefined;
      },
    },
  };
  const reserve = () => reservePayment(state as unknown as ProviderState, verified, { ticket: { routerKey } as never });
  return { steps, reserve };
}

it('does not read the chain about the router of a stranger once strangers have had their share', async () => {
  const { steps, reserve } = createState({ mayRead: false });
  await expect(reserve()).rejects.toThrow(/never served/);
  expect(steps).toEqual(['budget']);
});

it.each([
  { isKnown: false, steps: ['budget', 'router', 'channel'] },
  { isKnown: true, steps: ['router', 'channel'] },
])("reads the router's bond and then the payer's channel: known $isKnown", async ({ isKnown, steps: expected }) => {
  const { steps, reserve } = createState({ isKnown });
  expect(await reserve()).toEqual({ isKnown, hold: HOLD });
  expect(steps).toEqual(expected);
});

it('reads no channel for the ticket of a router without a bond', async () => {
  const { steps, reserve } = createState({ hasBond: false });
  await expect(reserve()).rejects.toThrow(/has no bond/);
  expect(steps).toEqual(['budget', 'router']);
});

it('passes on why the channel does not cover the order', async () => {
  const { reserve } = createState({ refusal: new Refusal('precondition', 'the channel is empty') });
  await expect(reserve()).rejects.toThrow('the channel is empty');
});
