import { Refusal } from '@ogong/host/link/link-error';
import type { PeerId } from '@ogong/host/link/link-identity';
import { BeaconViewError } from '@ogong/host/views/beacon-view';
import { computeWitnessEpoch, drawWitnesses } from '@ogong/protocol/audit/witness-draw';
import { equalBytes } from '@ogong/protocol/base/bytes';
import { parseBeaconCertificate } from '@ogong/protocol/beacon/beacon';
import { hashValidatorSet } from '@ogong/protocol/beacon/validator-set';
import { REPLY_ID_BYTES } from '@ogong/protocol/commitment/record';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import { type Order, parseOrder } from '@ogong/protocol/exchange/order';
import type { ProviderState } from './provider-state.ts';

export interface OpeningState extends Pick<ProviderState, 'crypto'> {
  readonly openings: Pick<ProviderState['openings'], 'get'>;
  readonly outbox: Pick<ProviderState['outbox'], 'find'>;
  readonly beacons: Pick<ProviderState['beacons'], 'get'>;
  readonly chain: Pick<ProviderState['chain'], 'findByCertHash' | 'validators' | 'network'>;
}

/**
 * An opening spells the whole answer. It is for the consumer, for the validator that handles the order, and for the witnesses whom the
 * beacon draws to ask in that validator's place (docs/spec/silence.md).
 * @throws Refusal: nobody else learns anything, not even that there is such a reply.
 */
export async function readOpening(
  state: OpeningState,
  replyId: Uint8Array,
  caller: PeerId,
): Promise<{ readonly opening: Uint8Array }> {
  const opening = replyId.length === REPLY_ID_BYTES ? await state.openings.get(replyId) : undefined;
  const isAllowed =
    opening !== undefined && (equalBytes(opening.consumer, caller) || (await isEntitled(state, replyId, caller)));
  if (!isAllowed) throw new Refusal('not-found', 'no opening of this reply for you');
  return { opening: opening.bytes };
}

async function isEntitled(state: OpeningState, replyId: Uint8Array, caller: PeerId): Promise<boolean> {
  const validator = state.chain.findByCertHash(caller);
  const signed = state.outbox.find(replyId)?.push.order;
  if (validator === undefined || signed === undefined) return false;
  const order = parseOrder(signed.order);
  return equalBytes(order.validator, validator.address) || isDrawn(state, order, { replyId, validator });
}

async function isDrawn(
  { crypto, chain, beacons }: OpeningState,
  order: Order,
  { replyId, validator }: { readonly replyId: Uint8Array; readonly validator: Pick<QuorumMember, 'address'> },
): Promise<boolean> {
  const beacon = await beacons.get(computeWitnessEpoch(order.epoch)).catch((error: unknown) => {
    if (error instanceof BeaconViewError) return undefined;
    throw error;
  });
  // Before its beacon nobody is drawn.
  if (beacon === undefined) return false;
  const members = chain.validators();
  const { set, value } = parseBeaconCertificate(beacon.certificate);
  // Validators have come or gone, so it cannot be told here whom the beacon drew; to refuse a witness would be held against the provider.
  if (!equalBytes(hashValidatorSet(crypto, chain.network, members), set)) return true;
  const { providerId: target, validator: handler } = order;
  const draw = { beacon: value, replyId, asked: 'opening', target, validator: handler } as const;
  return drawWitnesses(crypto, draw, members).some(({ address }) => equalBytes(address, validator.address));
}
