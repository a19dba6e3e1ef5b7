import { Refusal } from '@ogong/host/link/link-error';
import type { PeerId } from '@ogong/host/link/link-identity';
import { findEra } from '@ogong/host/views/beacon-generations';
import { BeaconViewError } from '@ogong/host/views/beacon-view';
import { computeDecidingEpoch } from '@ogong/protocol/audit/deciding-epoch';
import { computeWitnessEpoch, drawWitnesses } from '@ogong/protocol/audit/witness-draw';
import { equalBytes, fromHex } from '@ogong/protocol/base/bytes';
import { type EpochCertificate, parseEpochCertificate } from '@ogong/protocol/beacon/epoch-certificate';
import { hashSeats } from '@ogong/protocol/beacon/threshold/seats';
import { type EpochMember, hashValidatorSet } from '@ogong/protocol/beacon/validator-set';
import { REPLY_ID_BYTES } from '@ogong/protocol/commitment/record';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import { type Order, parseOrder } from '@ogong/protocol/exchange/order';
import type { GetTextsRequest } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import type { ReplyTexts } from '@ogong/protocol/verdict/claim';
import { readReceipt } from './intake-receipt.ts';
import type { KeptRecord } from './outbox.ts';
import type { ProviderState } from './provider-state.ts';

export interface OpeningState extends Pick<ProviderState, 'crypto'> {
  readonly openings: Pick<ProviderState['openings'], 'get'>;
  readonly outbox: Pick<ProviderState['outbox'], 'find' | 'settle'>;
  readonly beacons: Pick<ProviderState['beacons'], 'get'>;
  readonly chain: Pick<
    ProviderState['chain'],
    'findByCertHash' | 'recallByAddress' | 'ledger' | 'validators' | 'network' | 'beaconKeys' | 'client'
  >;
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

/**
 * What was asked and answered, for the validators that may have the opening, once a beacon can have selected the reply. It is handed in
 * without. Whoever asks brings the receipt: a provider whose record others have shown to the validator has none.
 * @throws Refusal
 */
export async function readTexts(
  state: OpeningState,
  { replyId, intake }: Pick<GetTextsRequest, 'replyId' | 'intake'>,
  caller: PeerId,
): Promise<ReplyTexts> {
  const kept = replyId.length === REPLY_ID_BYTES ? state.outbox.find(replyId) : undefined;
  if (kept === undefined || !(await isEntitled(state, replyId, caller))) {
    throw new Refusal('not-found', 'no texts of this reply for you');
  }
  if (!(await isDecided(state, kept.intake ? kept : await takeReceipt(state, replyId, { ...kept, intake })))) {
    throw new Refusal('unavailable', 'no beacon has decided yet whether this reply is audited');
  }
  const { request, endpoint, response } = kept.push;
  return { request, endpoint, response };
}

/** Keeps a receipt that somebody has brought. Not one that the order's validator did not sign. */
async function takeReceipt(
  { crypto, chain, outbox }: OpeningState,
  replyId: Uint8Array,
  { push, intake }: KeptRecord,
): Promise<KeptRecord> {
  const validator = push.order && chain.recallByAddress(parseOrder(push.order.order).validator);
  const receipt = validator && intake && readReceipt({ crypto, ledger: chain.ledger, validator }, push, intake);
  if (receipt === undefined) return { push, intake: undefined };
  await outbox.settle({ ...receipt, replyId });
  return { push, intake: receipt };
}

/** Before its beacon is certified no reply can have been selected, so nobody needs to read it. */
async function isDecided({ beacons }: Pick<OpeningState, 'beacons'>, { push, intake }: KeptRecord): Promise<boolean> {
  if (push.order === undefined || intake === undefined) return false;
  const { epoch: orderEpoch } = parseOrder(push.order.order);
  const { epoch } = computeDecidingEpoch({ orderEpoch, intakeEpoch: intake.epoch });
  return beacons.get(epoch).then(
    () => true,
    (error: unknown) => {
      if (error instanceof BeaconViewError) return false;
      throw error;
    },
  );
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
  const { value } = beacon;
  const members = await findMembers(chain, crypto, parseEpochCertificate(beacon.certificate));
  // Validators have come or gone, so it cannot be told here whom the beacon drew; to refuse a witness would be held against the provider.
  if (members === undefined) return true;
  const { providerId: target, validator: handler } = order;
  const draw = { beacon: value, replyId, asked: 'opening', target, validator: handler } as const;
  return drawWitnesses(crypto, draw, members).some(({ address }) => equalBytes(address, validator.address));
}

/** The validators of a certificate's epoch, where the registry lists those very ones now. */
async function findMembers(
  chain: OpeningState['chain'],
  crypto: OpeningState['crypto'],
  certificate: EpochCertificate,
): Promise<readonly EpochMember[] | undefined> {
  const members = chain.validators();
  if (certificate.kind === 'aggregate') {
    return equalBytes(hashValidatorSet(crypto, chain.network, members), certificate.set) ? members : undefined;
  }
  const era = findEra(chain.beaconKeys(), certificate.epoch);
  if (era === undefined) return undefined;
  const addresses = members.map(({ address }) => address);
  const hashes = await chain
    .client()
    .then((client) => client.boxKeyHashes(addresses))
    .catch(() => undefined);
  const seated = members.flatMap((member, i) => {
    const boxKeyHash = hashes?.[i];
    return boxKeyHash === undefined ? [] : [{ ...member, boxKeyHash: fromHex(boxKeyHash.slice(2)) }];
  });
  const hash = seated.some(({ stake }) => stake > 0n) ? hashSeats(crypto, chain.network, seated) : undefined;
  return hash !== undefined && equalBytes(hash, fromHex(era.set.slice(2))) ? seated : undefined;
}
