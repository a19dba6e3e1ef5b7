import { EngineError } from '@ogong/engine/interface/engine-error';
import type { TextEngine } from '@ogong/engine/interface/text';
import { formatHostPort, parseHostPort } from '@ogong/host/link/host-port';
import { Refusal } from '@ogong/host/link/link-error';
import type { Clock } from '@ogong/host/time/clock';
import { type BeaconView, BeaconViewError } from '@ogong/host/views/beacon-view';
import type { ChainView } from '@ogong/host/views/chain-view';
import { findStakeProblem } from '@ogong/host/views/earnings-view';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import type { SealPrimitives } from '@ogong/protocol/crypto/seal-primitives';
import { computeReplyFee, FeeError } from '@ogong/protocol/exchange/fee';
import { parseModelId } from '@ogong/protocol/exchange/match';
import { computeOrderDay, type NamedOrder } from '@ogong/protocol/exchange/order';
import { computeOrderSpan } from '@ogong/protocol/exchange/order-span';
import type { GenerateRequest, SignedOrder } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { RequestError } from '@ogong/protocol/modality/shared/request-error';
import { boundTextTokens } from '@ogong/protocol/modality/text/request/request-bound';
import { assertTierShows } from '@ogong/protocol/modality/text/request/tier-rules';
import type { OrderBeacon } from '@ogong/protocol/stage1/common-checks';
import { findRouterProblem } from '@ogong/protocol/stage1/registered-router';
import { isAttestedTier } from '@ogong/protocol/tier/registry';
import {
  assertFitsModel,
  type ModelRequest,
  parseEndpointName,
  parseModelRequest,
} from '../../engine/model-request.ts';
import type { ProviderMetrics } from '../provider-metrics.ts';
import type { ProviderState } from '../provider-state.ts';
import type { ReplyIds } from '../provider-store.ts';
import { ReplyTextError } from '../serving/commit-reply.ts';
import type { OrderJob } from '../serving/serve-reply.ts';
import type { Cohorts } from './cohorts.ts';
import { leastPriceOf, leastStandbyOf, type OfferState } from './offers.ts';
import { type CheckedOrder, checkOrder, type ReadRequest } from './order-check.ts';
import type { SealKeys } from './seal-keys.ts';
import { openMessage } from './sealed-order.ts';
import { assertServesTier, TierError } from './served-tier.ts';

/** What an order is checked against, for every modality. */
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
  readonly cohorts?: Cohorts | undefined;
  readonly metrics: Pick<ProviderMetrics, 'cohortOver'>;
}

/** A valid order whose reply id is taken, so that it cannot be served twice. */
export interface AcceptedOrder<R> extends CheckedOrder<R> {
  readonly signedOrder: SignedOrder;
  /** Hash of the key that signed its ticket. */
  readonly ticketKey: Uint8Array;
  readonly beacon: OrderBeacon;
  /** The order can never be served again; nothing leaves before. @throws StoreError */
  readonly claimed: Promise<void>;
}

/**
 * All checks of an order that do not need its inputs.
 * @throws Refusal for a check that failed; TierError where the engine came back in another numeric class.
 */
export function checkOfferedOrder<R>(
  context: IntakeContext,
  offer: OfferState,
  message: GenerateRequest,
  read: ReadRequest<R>,
): CheckedOrder<R> {
  const { id, payee, crypto, clock, chain, beacons } = context;
  const { modelId, engine, info } = offer;
  assertServesTier(modelId, engine.info());
  const terms = {
    ...{ crypto, payee, ledger: chain.ledger, providerId: id },
    model: {
      ...{ id: modelId, root: info.modelRoot, pricePer1kAtomic: leastPriceOf(offer) },
      standbyPer1kAtomic: leastStandbyOf(offer),
      ...{ numericClass: info.numericClass, contextSize: info.contextSize },
    },
    findValidator: (address: Uint8Array) => findValidator(context, address),
    latestEpoch: beacons.latest().epoch,
    nowMs: clock.nowMs(),
    open: (sent: GenerateRequest, order: NamedOrder) => openMessage({ ...context, ledger: chain.ledger }, sent, order),
  };
  const checked = checkOrder(message, terms, read);
  if (context.cohorts?.isOver(checked.order)) {
    context.metrics.cohortOver.inc();
    throw new Refusal('unavailable', `the cohort that serves ${modelId} has to agree anew; try another provider`);
  }
  return checked;
}

/** @throws Refusal where the reply id was ordered before, or may have been; BeaconViewError. */
export async function claimOrder<R>(
  { crypto, beacons, replyIds }: Pick<IntakeContext, 'crypto' | 'beacons' | 'replyIds'>,
  checked: CheckedOrder<R>,
  message: GenerateRequest,
): Promise<AcceptedOrder<R>> {
  const { order } = checked;
  const beacon = await beacons.get(order.epoch, message.beacon);
  const claimed = replyIds.claim(order.replyId, Number(order.expiresAtMs));
  if (claimed === 'taken') throw new Refusal('conflict', 'this reply id was ordered before; an id is served once');
  if (claimed === 'forgotten') {
    throw new Refusal('precondition', 'the order is as old as orders that were forgotten here; sign a new one');
  }
  // Whoever refuses the order before does not wait for it.
  claimed.catch(() => undefined);
  return {
    ...checked,
    // It exists, since its bytes have been parsed.
    signedOrder: message.order as SignedOrder,
    ticketKey: hashHybridKey(crypto, message.ticket?.routerKey ?? new Uint8Array()),
    beacon,
    claimed,
  };
}

/**
 * Whoever serves on from a machine that a quorum has put out is ejected for it. So no order is taken that could bring that about, whoever sends
 * it. @throws Refusal
 */
export async function assertMachineEntered(
  {
    chain: { findMachineProblem },
    id,
  }: {
    readonly chain: Partial<Pick<ChainView, 'findMachineProblem'>>;
    readonly id: Uint8Array;
  },
  { ticket: { modelId } }: Pick<AcceptedOrder<unknown>, 'ticket'>,
): Promise<void> {
  if (findMachineProblem === undefined || !isAttestedTier(parseModelId(modelId).tier)) return;
  const problem = await findMachineProblem(id).catch((cause: unknown) => {
    throw new Refusal('unavailable', `the registry of machines cannot be read: ${(cause as Error).message}`);
  });
  if (problem !== undefined) throw new Refusal('precondition', `the registry of machines: ${problem}`);
}

/**
 * Nobody signs a fee for a reply in a tier that asks for more than its key has to lose, whoever sends the order. Reads the chain, for which
 * strangers have a budget. @throws Refusal
 */
export async function assertTierStake(
  { holdings }: Pick<ProviderState, 'holdings'>,
  { order, ticket: { modelId } }: Pick<AcceptedOrder<unknown>, 'order' | 'ticket'>,
): Promise<void> {
  const problem = await findStakeProblem(holdings, parseModelId(modelId).tier, order).catch((cause: unknown) => {
    throw new Refusal('unavailable', `what this provider holds cannot be read: ${(cause as Error).message}`);
  });
  if (problem !== undefined) throw new Refusal('precondition', problem);
}

/** Reads the chain, for which strangers have a budget. @throws Refusal where the order's router has no bond, or another key. */
export async function assertRouter(
  { chain }: Pick<IntakeContext, 'chain'>,
  { order: { router, expiresAtMs }, ticketKey }: Pick<AcceptedOrder<unknown>, 'order' | 'ticketKey'>,
): Promise<void> {
  const span = computeOrderSpan({ expiresAtMs });
  const problem = await findRouterProblem(chain.router, { router, ticketKey }, span).catch((cause: unknown) => {
    throw new Refusal('unavailable', `the order's router cannot be read: ${(cause as Error).message}`);
  });
  if (problem !== undefined) throw new Refusal('precondition', problem);
}

/** The checks of an order for text that need no model. @throws as checkOfferedOrder. */
export const checkTextOrder = (
  context: IntakeContext,
  offer: OfferState<TextEngine>,
  message: GenerateRequest,
): CheckedOrder<ModelRequest> => checkOfferedOrder(context, offer, message, readTextRequest);

/** Turns a message that asks for text into a job that cannot be ordered twice. @throws as claimOrder; RequestError, EngineError */
export async function acceptOrder(
  context: IntakeContext,
  offer: OfferState<TextEngine>,
  message: GenerateRequest,
  checked: CheckedOrder<ModelRequest>,
): Promise<OrderJob> {
  // The engine counts its prompt while the claim goes to the disk.
  const counting = tokenizePrompt(offer, checked.request);
  counting.catch(() => undefined);
  const accepted = await claimOrder(context, checked, message);
  const promptTokens = await counting;
  assertFeeCovers(checked, { promptTokens: promptTokens.length, contextSize: offer.info.contextSize });
  return {
    ...accepted,
    endpoint: parseEndpointName(accepted.endpoint),
    promptTokens,
    wantsMilestones: message.milestones,
  };
}

const readTextRequest: ReadRequest<ModelRequest> = (body, endpoint, order) => {
  const request = parseModelRequest(body, parseEndpointName(endpoint), computeOrderDay(order));
  assertTierShows(request.asked);
  return { request, asked: request.asked, choices: request.asked.choices };
};

function findValidator(
  { chain, validators }: Pick<IntakeContext, 'chain' | 'validators'>,
  address: Uint8Array,
): QuorumMember | undefined {
  const validator = chain.findByAddress(address);
  if (validator === undefined || validators.length === 0) return validator;
  return validators.includes(formatHostPort(parseHostPort(validator.endpoint))) ? validator : undefined;
}

async function tokenizePrompt({ engine, info }: OfferState<TextEngine>, request: ModelRequest): Promise<Uint32Array> {
  assertFitsModel(request, info);
  if (!info.capabilities.tokenize) return new Uint32Array();
  const tokens = await engine.tokenizePrompt(request.prompt);
  if (tokens.length >= info.contextSize) {
    throw new Refusal('invalid', `the prompt has ${tokens.length} tokens, the context holds ${info.contextSize}`);
  }
  return tokens;
}

function assertFeeCovers(
  { order, request }: CheckedOrder<ModelRequest>,
  { promptTokens, contextSize }: { readonly promptTokens: number; readonly contextSize: number },
): void {
  const outputTokenCount = Math.min(request.asked.maxTokens, contextSize - promptTokens);
  try {
    computeReplyFee(order, boundTextTokens(request.asked), { promptTokenCount: promptTokens, outputTokenCount });
  } catch (error) {
    if (!(error instanceof FeeError)) throw error;
    throw new Refusal('invalid', `the reply could not be billed in full: ${error.message}`);
  }
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
