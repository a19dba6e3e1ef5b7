import { RateLimited } from '@ogong/host/link/link-error';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import type { GenerateRequest } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { VerifiedOrder } from '../../modality/order-job.ts';
import type { Hold } from '../paid/receivables.ts';
import type { ProviderState } from '../provider-state.ts';
import { assertMachineEntered, assertRouter, assertTierStake } from './order-intake.ts';

/** The payer's money for one order. */
export interface OrderPayment {
  /** Room for the order in the payer's channel. The caller drops it once the order is over. */
  readonly hold: Hold;
  /** Whether an earlier order of this channel was served on credit that was there. */
  readonly isKnown: boolean;
}

/**
 * Checks the money behind an order and reserves room in the payer's channel, before its request is opened and parsed. A stranger
 * without money then costs signatures and chain readings, which have a budget.
 * @throws Refusal, RateLimited
 */
export async function reservePayment(
  state: Pick<ProviderState, 'crypto' | 'receivables' | 'newcomers' | 'chain' | 'id' | 'holdings'>,
  verified: VerifiedOrder,
  { ticket }: Pick<GenerateRequest, 'ticket'>,
): Promise<OrderPayment> {
  const { crypto, receivables, newcomers } = state;
  const { order } = verified;
  const isKnown = receivables.knows(order);
  if (!isKnown && !newcomers.takeReading(undefined)) {
    throw new RateLimited('too many payers that this provider has never served; try again in a moment');
  }
  await assertMachineEntered(state, verified);
  await assertRouter(state, { order, ticketKey: hashHybridKey(crypto, ticket?.routerKey ?? new Uint8Array()) });
  await assertTierStake(state, verified);
  return { isKnown, hold: await receivables.hold(order) };
}
