import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { ApiError } from '@ogong/host/http/api-error';
import type { Clock } from '@ogong/host/time/clock';
import type { BeaconView } from '@ogong/host/views/beacon-view';
import type { ChainView } from '@ogong/host/views/chain-view';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import { computeOrderLifetime } from '@ogong/protocol/exchange/limits';
import { encodeOrder, hashOrder, type LedgerDomain, type Order } from '@ogong/protocol/exchange/order';
import type { CommonRequest } from '@ogong/protocol/modality/modality';
import { findModality } from '@ogong/protocol/modality/registry';
import { ANONYMOUS } from '../books/api-keys.ts';
import type { ChannelLedger } from '../books/channel-ledger.ts';
import type { EscrowFunding } from '../books/escrow-funding.ts';
import type { OrderBytes } from '../books/order-store.ts';
import { type AttestedContext, getAttestedRoles, listDemandedRoles } from './match/attested-roles.ts';
import { computeOfferedFee, type FoundOffer } from './match/find-offer.ts';
import type { PayingSigner } from './paying-signer.ts';
import type { BoughtAnswer, PayingKey, ProviderAttempt, ReplyJob } from './reply.ts';

/** Services for signing an order. */
interface OrderServices {
  readonly chain: Pick<ChainView, 'ledger'>;
  readonly beacon: Pick<BeaconView, 'latest'>;
  readonly payer: PayingSigner;
  readonly ledger: Pick<ChannelLedger, 'channel' | 'held' | 'reserve'>;
  readonly funding: Pick<EscrowFunding, 'provide'>;
  readonly clock: Pick<Clock, 'nowMs'>;
  /** Reads a key again; undefined if it has ended. Default: the key as it was when its request arrived. */
  readonly renewKey?: (key: PayingKey) => Promise<PayingKey | undefined>;
}

export type OrderOfferContext = OrderServices & AttestedContext;

/** Fields of a job that an order needs. */
type OrderedJob = Pick<
  ReplyJob<CommonRequest, BoughtAnswer>,
  'completionId' | 'choice' | 'index' | 'key' | 'request' | 'signal'
>;

/** An order without its cumulative amount, which the channel ledger sets. */
export type AttemptTerms = Omit<Order, 'cumulativeAtomic'>;

/** Signs an order for an offer. @throws ApiError, StoreError */
export async function orderOffer(
  context: OrderOfferContext,
  job: OrderedJob,
  { requestHash, nonce, replyId, match, validator, validators }: FoundOffer,
): Promise<ProviderAttempt> {
  const { clock, payer, chain } = context;
  const beacon = context.beacon.latest();
  const machines = await showMachines(context, job, { match, validator, validators, beacon });
  const nowMs = clock.nowMs();
  const terms = buildTerms(job, {
    ticket: match.ticket,
    ...{ payer: payer.address, validator, nonce, requestHash },
    epoch: beacon.epoch,
    nowMs,
    escrow: chain.ledger,
  });
  const order = await reserveOrder(context, { job, replyId, terms, nowMs });
  return { replyId, match, beacon, validator, validators, order, startedMs: nowMs, ...(machines && { machines }) };
}

/** Collects machine evidence for the receipt, bound to the beacon of the order. @throws UnattestedError */
async function showMachines(
  context: OrderOfferContext,
  { request, signal }: Pick<OrderedJob, 'request' | 'signal'>,
  { match, validator, validators, beacon }: Pick<ProviderAttempt, 'match' | 'validator' | 'validators' | 'beacon'>,
): Promise<ReadonlyMap<string, Uint8Array> | undefined> {
  const roles = listDemandedRoles(context, request);
  const member = validators.find(({ address }) => equalBytes(address, validator));
  if (roles.length === 0 || member === undefined) return undefined;
  return getAttestedRoles(context).show(
    roles,
    { router: match.router, routerKey: match.signed.routerKey, validator: member },
    beacon,
    signal,
  );
}

export interface TermsInput extends Pick<AttemptTerms, 'payer' | 'validator' | 'requestHash' | 'nonce' | 'epoch'> {
  readonly ticket: ProviderAttempt['match']['ticket'];
  readonly nowMs: number;
  /** Domain of the escrow. */
  readonly escrow: LedgerDomain;
}

/** Builds the order's terms: price, payee and context from the ticket, and the highest fee of the request. */
export function buildTerms(
  { request, choice }: Pick<ReplyJob<CommonRequest, BoughtAnswer>, 'request' | 'choice'>,
  { ticket, nowMs, escrow, ...drawn }: TermsInput,
): AttemptTerms {
  const { modelRoot, providerId, payee, router, contextSize, pricePer1kAtomic } = ticket;
  const expectedMs = findModality(request.endpoint).expectMs(request, contextSize);
  return {
    ...drawn,
    modelRoot,
    providerId,
    payee,
    router,
    choice,
    contextSize,
    pricePer1kAtomic,
    maxFeeAtomic: computeOfferedFee(request, { ticket, escrow }),
    expiresAtMs: BigInt(nowMs + computeOrderLifetime({ expectedMs })),
  };
}

/**
 * Signs an order while the channel ledger writes it. An order is sent only after it is on the disk.
 * @throws ApiError, StoreError
 */
async function reserveOrder(
  { ledger, funding, payer, chain, renewKey = async (key) => key }: OrderOfferContext,
  {
    job,
    replyId,
    terms,
    nowMs,
  }: {
    readonly job: OrderedJob;
    readonly replyId: Uint8Array;
    readonly terms: AttemptTerms;
    readonly nowMs: number;
  },
): Promise<OrderBytes> {
  // Read anew for each order: a key may have been revoked, or a budget lowered, while its request ran.
  const key = await renewKey(job.key);
  if (key === undefined) throw new ApiError('invalid_api_key', 'The key of this request has ended.');
  const validator = toHex(terms.validator);
  const { owedAtomic, outstandingAtomic } = await ledger.channel(validator);
  const needed = owedAtomic + outstandingAtomic + terms.maxFeeAtomic;
  const held = (await ledger.held(validator, nowMs)) + terms.maxFeeAtomic;
  const { spendable, spent } = await funding.provide(terms.validator, needed, held);
  // An order that is never sent would reserve its budget until it expires.
  job.signal.throwIfAborted();
  const reservation = {
    replyId: toHex(replyId),
    completionId: job.completionId,
    choice: job.index ?? job.choice,
    validator,
    keyId: key.id,
    keyBudgetAtomic: key.budgetAtomic,
    keyDayBudgetAtomic: key.dayBudgetAtomic,
    organisation: key.organisation,
    model: job.request.model,
    isShared: key.id !== ANONYMOUS.id,
    maxFeeAtomic: terms.maxFeeAtomic,
    spendableAtomic: spendable,
    spentAtomic: spent,
    createdMs: nowMs,
    expiresMs: Number(terms.expiresAtMs),
  };
  return ledger.reserve(reservation, (cumulativeAtomic) => {
    const order = { ...terms, cumulativeAtomic };
    return { order: encodeOrder(order), signature: payer.signDigest(hashOrder(crypto, chain.ledger, order)) };
  });
}
