import { EngineError } from '@ogong/engine/interface/engine-error';
import { formatHostPort, parseHostPort } from '@ogong/host/link/host-port';
import { Refusal } from '@ogong/host/link/link-error';
import type { Clock } from '@ogong/host/time/clock';
import { type BeaconView, BeaconViewError } from '@ogong/host/views/beacon-view';
import type { ChainView } from '@ogong/host/views/chain-view';
import { findStakeProblem } from '@ogong/host/views/earnings-view';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import type { SealPrimitives } from '@ogong/protocol/crypto/seal-primitives';
import { parseModelId } from '@ogong/protocol/exchange/match';
import type { NamedOrder } from '@ogong/protocol/exchange/order';
import { signConsentAside } from '@ogong/protocol/exchange/order-consent';
import { computeOrderSpan } from '@ogong/protocol/exchange/order-span';
import type { GenerateRequest, SignedOrder } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { RequestError } from '@ogong/protocol/modality/shared/request-error';
import { findRouterProblem } from '@ogong/protocol/stage1/registered-router';
import { isAttestedTier } from '@ogong/protocol/tier/registry';
import type {
  AcceptedOrder,
  CheckedOrder,
  OpenedMessage,
  ReadRequest,
  VerifiedOrder,
} from '../../modality/order-job.ts';
import { ReplyTextError } from '../../modality/text/commit-reply.ts';
import type { ProviderState } from '../provider-state.ts';
import type { ReplyIds, UsedReplyId } from '../provider-store.ts';
import { leastPriceOf, leastStandbyOf, type OfferState } from './offers.ts';
import { checkOrder, checkRequest, type OrderTerms } from './order-check.ts';
import type { SealKeys } from './seal-keys.ts';
import { openMessage } from './sealed-order.ts';
import { assertServesTier, TierError } from './served-tier.ts';

/** The services that an order is checked against, for every modality. */
export interface IntakeContext {
  /** The provider's id. */
  readonly id: Uint8Array;
  /** 20 bytes. */
  readonly payee: Uint8Array;
  /** The validators whose orders are served, `host:port`; empty for every registered one. */
  readonly validators: readonly string[];
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly chain: Pick<ChainView, 'ledger' | 'findByAddress' | 'router'>;
  readonly beacons: Pick<BeaconView, 'latest' | 'get'>;
  readonly replyIds: ReplyIds;
  readonly seal: SealPrimitives;
  readonly sealKeys: SealKeys;
}

/**
 * Makes all checks of an order that need neither its request nor the chain.
 * @throws Refusal for a check that failed; TierError if the engine came back in another numeric class.
 */
export function checkOfferedOrder(context: IntakeContext, offer: OfferState, message: GenerateRequest): VerifiedOrder {
  assertServesTier(offer.modelId, offer.engine.info());
  const verified = checkOrder(message, createTerms(context, offer));
  assertSharedPrice(offer, verified.order);
  return verified;
}

/** The prices of a cohort's members sum to the order's price, so no more and no less is shared. @throws Refusal */
function assertSharedPrice(offer: OfferState, { pricePer1kAtomic }: NamedOrder): void {
  const price = leastPriceOf(offer);
  if (offer.getCohort !== undefined && pricePer1kAtomic !== price)
    throw new Refusal('precondition', `the order pays ${pricePer1kAtomic} per 1k tokens, the cohort shares ${price}`);
}

/** Opens the message of an order whose payer has the money for it. @throws Refusal */
export const openOfferedMessage = (
  context: IntakeContext,
  { message, verified }: { readonly message: GenerateRequest; readonly verified: VerifiedOrder },
): OpenedMessage => openMessage({ ...context, ledger: context.chain.ledger }, message, verified.order);

/** Parses the request of an opened message. @throws Refusal */
export const checkOfferedRequest = <R>(
  context: IntakeContext,
  offer: OfferState,
  { opened, verified }: { readonly opened: OpenedMessage; readonly verified: VerifiedOrder },
  read: ReadRequest<R>,
): CheckedOrder<R> => checkRequest(opened, verified, createTerms(context, offer), read);

function createTerms(context: IntakeContext, offer: OfferState): OrderTerms {
  const { modelId, info } = offer;
  const { id, payee, crypto, clock, chain, beacons } = context;
  return {
    ...{ crypto, payee, ledger: chain.ledger, providerId: id },
    model: {
      ...{ id: modelId, root: info.modelRoot, pricePer1kAtomic: leastPriceOf(offer) },
      standbyPer1kAtomic: leastStandbyOf(offer),
      ...{ numericClass: info.numericClass, contextSize: info.contextSize },
    },
    findValidator: (address: Uint8Array) => findValidator(context, address),
    latestEpoch: beacons.latest().epoch,
    nowMs: clock.nowMs(),
  };
}

/** @throws Refusal if the reply id was ordered before, or may have been. */
export function assertNewReply(
  { replyIds }: { readonly replyIds: Pick<ReplyIds, 'findUse'> },
  { replyId, expiresAtMs }: Pick<NamedOrder, 'replyId' | 'expiresAtMs'>,
): void {
  const use = replyIds.findUse(replyId, Number(expiresAtMs));
  if (use !== undefined) refuseUsed(use);
}

/** @throws Refusal */
function refuseUsed(use: UsedReplyId): never {
  if (use === 'taken') throw new Refusal('conflict', 'this reply id was ordered before; an id is served once');
  throw new Refusal('precondition', 'the order is as old as orders that were forgotten here; sign a new one');
}

/**
 * Takes the order's reply id and begins to sign the consent, while the caller counts the prompt.
 * @throws Refusal if the reply id was ordered before, or may have been; BeaconViewError.
 */
export async function claimOrder<R>(
  { beacons, replyIds, signer }: Pick<IntakeContext, 'beacons' | 'replyIds'> & Pick<ProviderState, 'signer'>,
  checked: CheckedOrder<R>,
  message: GenerateRequest,
): Promise<AcceptedOrder<R>> {
  const { order } = checked;
  const beacon = await beacons.get(order.epoch, message.beacon);
  const claimed = replyIds.claim(order.replyId, Number(order.expiresAtMs));
  if (typeof claimed === 'string') refuseUsed(claimed);
  // A caller that refuses the order before does not wait for it.
  claimed.catch(() => undefined);
  const consent = signConsentAside(signer, order);
  consent.catch(() => undefined);
  return {
    ...checked,
    // It exists, since its bytes have been parsed.
    signedOrder: message.order as SignedOrder,
    beacon,
    claimed,
    consent,
  };
}

/**
 * A quorum ejects a provider that serves on from a machine that it has put out. So this provider accepts no order that could cause
 * that, from any sender. @throws Refusal
 */
export async function assertMachineEntered(
  {
    chain: { findMachineProblem },
    id,
  }: {
    readonly chain: Partial<Pick<ChainView, 'findMachineProblem'>>;
    readonly id: Uint8Array;
  },
  { ticket: { modelId } }: Pick<VerifiedOrder, 'ticket'>,
): Promise<void> {
  if (findMachineProblem === undefined || !isAttestedTier(parseModelId(modelId).tier)) return;
  const problem = await findMachineProblem(id).catch((cause: unknown) => {
    throw new Refusal('unavailable', `the registry of machines cannot be read: ${(cause as Error).message}`);
  });
  if (problem !== undefined) throw new Refusal('precondition', `the registry of machines: ${problem}`);
}

/**
 * Refuses an order of a tier that requires a higher stake than this provider's key has, from any sender. Reads the chain, for which
 * strangers have a budget. @throws Refusal
 */
export async function assertTierStake(
  { holdings }: Pick<ProviderState, 'holdings'>,
  { order, ticket: { modelId } }: Pick<VerifiedOrder, 'order' | 'ticket'>,
): Promise<void> {
  const problem = await findStakeProblem(holdings, parseModelId(modelId).tier, order).catch((cause: unknown) => {
    throw new Refusal('unavailable', `the holdings of this provider cannot be read: ${(cause as Error).message}`);
  });
  if (problem !== undefined) throw new Refusal('precondition', problem);
}

/** Reads the chain, for which strangers have a budget. @throws Refusal if the order's router has no bond, or another key. */
export async function assertRouter(
  { chain }: Pick<IntakeContext, 'chain'>,
  { order: { router, expiresAtMs }, ticketKey }: Pick<VerifiedOrder, 'order'> & { readonly ticketKey: Uint8Array },
): Promise<void> {
  const span = computeOrderSpan({ expiresAtMs });
  const problem = await findRouterProblem(chain.router, { router, ticketKey }, span).catch((cause: unknown) => {
    throw new Refusal('unavailable', `the order's router cannot be read: ${(cause as Error).message}`);
  });
  if (problem !== undefined) throw new Refusal('precondition', problem);
}

function findValidator(
  { chain, validators }: Pick<IntakeContext, 'chain' | 'validators'>,
  address: Uint8Array,
): QuorumMember | undefined {
  const validator = chain.findByAddress(address);
  if (validator === undefined || validators.length === 0) return validator;
  return validators.includes(formatHostPort(parseHostPort(validator.endpoint))) ? validator : undefined;
}

/** Turns a failure that the consumer may know of into a Refusal. Anything else is a fault of this provider. */
export function toRefusal(error: unknown): unknown {
  if (error instanceof RequestError) return new Refusal('invalid', error.message);
  if (error instanceof TierError) return new Refusal('precondition', error.message);
  if (error instanceof ReplyTextError) return new Refusal('precondition', error.message);
  if (error instanceof BeaconViewError) return new Refusal('unavailable', error.message);
  if (!(error instanceof EngineError)) return error;
  const { code, message, retryable } = error;
  if (code === 'invalid-request' || code === 'prompt-too-long') return new Refusal('invalid', message);
  if (code === 'overloaded' || code === 'cancelled' || retryable) return new Refusal('unavailable', message);
  return error;
}
