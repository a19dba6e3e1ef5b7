import { Refusal } from '@ogong/host/link/link-error';
import type { PeerId } from '@ogong/host/link/link-identity';
import { findEra } from '@ogong/host/views/beacon-generations';
import { BeaconViewError } from '@ogong/host/views/beacon-view';
import { computeDecidingEpoch } from '@ogong/protocol/audit/deciding-epoch';
import { computeWitnessEpoch, drawWitnesses } from '@ogong/protocol/audit/witness-draw';
import { equalBytes, fromHex, toHex } from '@ogong/protocol/base/bytes';
import { type EpochCertificate, parseEpochCertificate } from '@ogong/protocol/beacon/epoch-certificate';
import { hashCommittee } from '@ogong/protocol/beacon/threshold/members';
import type { EpochMember } from '@ogong/protocol/beacon/validator-set';
import { REPLY_ID_BYTES } from '@ogong/protocol/commitment/record';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import { type Order, parseOrder } from '@ogong/protocol/exchange/order';
import type { GetTextsRequest } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { findHeaderModality } from '@ogong/protocol/modality/registry';
import { mayShowTexts } from '@ogong/protocol/tier/outcome';
import type { ReplyTexts } from '@ogong/protocol/verdict/claim';
import { readReceipt } from '../paid/intake-receipt.ts';
import type { KnownSets } from '../paid/known-sets.ts';
import type { ProviderState } from '../provider-state.ts';
import type { KeptOpening } from '../provider-store.ts';
import type { BlobStore } from './blob-store.ts';
import type { KeptRecord } from './outbox.ts';

export interface OpeningState extends Pick<ProviderState, 'crypto'> {
  readonly openings: Pick<ProviderState['openings'], 'get'>;
  readonly outbox: Pick<ProviderState['outbox'], 'find' | 'settle'>;
  readonly beacons: Pick<ProviderState['beacons'], 'get'>;
  readonly knownSets: Pick<KnownSets, 'find' | 'list'>;
  readonly chain: Pick<
    ProviderState['chain'],
    'findByCertHash' | 'recallByAddress' | 'ledger' | 'network' | 'beaconKeys' | 'client'
  >;
}

/**
 * An opening spells the whole answer. It is for the consumer and for the validator that handles the order. It is also for the
 * witnesses that the beacon draws to ask in that validator's place (docs/spec/silence.md). In a tier whose texts no validator may read it is
 * for the consumer alone.
 * @throws Refusal: nobody else learns anything, not even that there is such a reply.
 */
export async function readOpening(
  state: OpeningState & { readonly blobs?: Pick<BlobStore, 'listMedia'> },
  replyId: Uint8Array,
  caller: PeerId,
): Promise<{ readonly opening: Uint8Array; readonly media?: { readonly bytes: bigint; readonly root: Uint8Array }[] }> {
  const opening = await findReadable(state, replyId, caller);
  if (opening === undefined) throw new Refusal('not-found', 'no opening of this reply for you');
  const media = (state.blobs?.listMedia(replyId) ?? []).map(({ bytes, root }) => ({ bytes: BigInt(bytes), root }));
  return { opening: opening.bytes, ...(media.length > 0 && { media }) };
}

/** Finds an opening that the caller may have, see readOpening. */
export async function findReadable(
  state: OpeningState,
  replyId: Uint8Array,
  caller: PeerId,
): Promise<KeptOpening | undefined> {
  const opening = replyId.length === REPLY_ID_BYTES ? await state.openings.get(replyId) : undefined;
  const isAllowed =
    opening !== undefined && (equalBytes(opening.consumer, caller) || (await isEntitled(state, replyId, caller)));
  return isAllowed ? opening : undefined;
}

/**
 * Returns request and response to the validators that may have the opening, once a beacon can have selected the reply. The
 * record was delivered without them. The caller brings the receipt: a provider whose record others have shown to the validator has none.
 * @throws Refusal
 */
export async function readTexts(
  state: OpeningState,
  { replyId, intake }: Pick<GetTextsRequest, 'replyId' | 'intake'>,
  caller: PeerId,
): Promise<ReplyTexts> {
  const kept = replyId.length === REPLY_ID_BYTES ? await state.outbox.find(replyId) : undefined;
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
  const { order: signed, header } = (await state.outbox.find(replyId))?.push ?? {};
  if (validator === undefined || signed === undefined || header === undefined) return false;
  const tier = findHeaderModality(header)?.parseHeader(header).tier;
  if (tier === undefined || !mayShowTexts(tier)) return false;
  const order = parseOrder(signed.order);
  return equalBytes(order.validator, validator.address) || isDrawn(state, order, { replyId, validator });
}

async function isDrawn(
  state: OpeningState,
  order: Order,
  { replyId, validator }: { readonly replyId: Uint8Array; readonly validator: Pick<QuorumMember, 'address'> },
): Promise<boolean> {
  const { crypto, beacons } = state;
  const beacon = await beacons.get(computeWitnessEpoch(order.epoch)).catch((error: unknown) => {
    if (error instanceof BeaconViewError) return undefined;
    throw error;
  });
  // Before its beacon nobody is drawn.
  if (beacon === undefined) return false;
  const { value } = beacon;
  const members = await findMembers(state, parseEpochCertificate(beacon.certificate));
  // This provider never read the set of that time, so the draw is unknown. A refused witness would be blamed on the provider.
  if (members === undefined) return true;
  const { providerId: target, validator: handler } = order;
  const draw = { beacon: value, replyId, asked: 'opening', target, validator: handler } as const;
  return drawWitnesses(crypto, draw, members).some(({ address }) => equalBytes(address, validator.address));
}

/** The validators of a certificate's epoch, if this provider knows them: for a day, since it was first started. */
async function findMembers(
  { chain, crypto, knownSets }: Pick<OpeningState, 'chain' | 'crypto' | 'knownSets'>,
  certificate: EpochCertificate,
): Promise<readonly EpochMember[] | undefined> {
  if (certificate.kind === 'aggregate') return knownSets.find(certificate.set);
  const era = findEra(chain.beaconKeys(), certificate.epoch);
  return era && findSeated({ chain, crypto }, knownSets.list().slice(0, MAX_SEATED_TRIES), fromHex(era.set.slice(2)));
}

/** The chain is asked for the keys of each, since they may have changed. */
const MAX_SEATED_TRIES = 32;

async function findSeated(
  { chain, crypto }: Pick<OpeningState, 'chain' | 'crypto'>,
  lists: ReturnType<KnownSets['list']>,
  set: Uint8Array,
): Promise<readonly EpochMember[] | undefined> {
  const addresses = new Map(lists.flat().map(({ address }) => [toHex(address), address]));
  const hashes = await chain
    .client()
    .then((client) => client.boxKeyHashes([...addresses.values()]))
    .catch(() => undefined);
  const boxKeyHashes = new Map([...addresses.keys()].map((name, i) => [name, hashes?.[i]]));
  for (const members of lists) {
    const seated = members.flatMap((member) => {
      const boxKeyHash = boxKeyHashes.get(toHex(member.address));
      return boxKeyHash === undefined ? [] : [{ ...member, boxKeyHash: fromHex(boxKeyHash.slice(2)) }];
    });
    const hasStake = seated.some(({ stake }) => stake > 0n);
    if (hasStake && equalBytes(hashCommittee(crypto, chain.network, seated), set)) return seated;
  }
  return undefined;
}
