import type { Caller } from '@ogong/host/link/link-admission';
import { RateLimited, Refusal } from '@ogong/host/link/link-error';
import { sumHolds } from '@ogong/host/store/holds';
import type { Store } from '@ogong/host/store/store';
import { doWork } from '@ogong/host/store/work';
import { findStakeProblem } from '@ogong/host/views/earnings-view';
import { computeOrderRoom, findVerifierRoomProblem } from '@ogong/protocol/audit/verifier-room';
import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import type { SignedAdmission } from '@ogong/protocol/exchange/admission';
import { CHANNEL_READING_MS, isEpochNear, MAX_ORDER_LIFETIME_MS } from '@ogong/protocol/exchange/limits';
import { parseModelId } from '@ogong/protocol/exchange/match';
import type { NamedOrder, Order } from '@ogong/protocol/exchange/order';
import { type OrderConsent, verifyConsent } from '@ogong/protocol/exchange/order-consent';
import { computeOrderSpan } from '@ogong/protocol/exchange/order-span';
import { findRouterProblem } from '@ogong/protocol/stage1/registered-router';
import { ClaimError, type SignedOrder, verifySignedOrder } from '@ogong/protocol/verdict/claim';
import { findFeeProblem } from '../audit/deterrence.ts';
import { type AdmittedReply, admitReply, assertSameOrder, readAdmitted } from '../store/admission-store.ts';
import { readAnnouncement } from '../store/announcement-store.ts';
import { readChannel } from '../store/channel-store.ts';
import { readProvider } from '../store/verdict-store.ts';
import type { IntakeState } from './intake-state.ts';

/** Calls that one admitted order earns: the next order, and its record. */
const CALLS_OF_AN_ORDER = 2;

/** An order that its payer and its provider have signed. */
export interface AgreedOrder extends SignedOrder {
  readonly consent: OrderConsent;
}

/**
 * Reserves an order's fee in its payer's channel. The same order is acknowledged again. An order without its provider's
 * consent is refused: the provider answers for every admitted order.
 * @param caller the sender. Without one, no budget of an address counts.
 * @returns this validator's signed admission, the same each time. @throws Refusal, ClaimError, ProtocolError,
 * AdmissionError
 */
export async function admitOrder(state: IntakeState, signed: AgreedOrder, caller?: Caller): Promise<SignedAdmission> {
  const { newcomers } = state;
  const address = caller && (caller.group ?? toHex(caller.peer));
  if (address !== undefined && !newcomers.enter(address))
    throw new RateLimited('too many orders from this address without a payer that has paid here');
  const order = await verifyPayersOrder(state, signed, address);
  const isKnownPayer = state.store.read(() => readChannel(state.store, order.payer).voucher > 0n);
  const known = state.store.read(() => readAdmitted(state.store, order.replyId));
  const isRepeated = known !== undefined;
  const admit = async (): Promise<SignedAdmission> => {
    const { admission, isNew } = await admitSigned(state, { order, signed, isKnownPayer, known });
    if (caller !== undefined && isNew) state.earn?.(caller, CALLS_OF_AN_ORDER);
    return admission;
  };
  if (address === undefined || !isKnownPayer || isRepeated) return admit();
  newcomers.excuse(address);
  try {
    return await admit();
  } catch (error) {
    // A refused order counts for known and unknown senders alike.
    newcomers.enter(address);
    throw error;
  }
}

/**
 * Verifies the payer's signature. If another key has signed, the chain tells if it signs for the payer. @throws
 * ClaimError, Refusal
 */
async function verifyPayersOrder(
  state: IntakeState,
  signed: SignedOrder,
  address: string | undefined,
): Promise<NamedOrder> {
  const { crypto, ledger, learnOrderKey } = state;
  try {
    return verifySignedOrder(crypto, ledger, signed);
  } catch (error) {
    const isUnsigned = error instanceof ClaimError && error.code === 'order-signature';
    if (!isUnsigned || learnOrderKey === undefined) throw error;
    await learnOrderKey(signed, address === undefined ? 'anybody' : { address }).catch((cause: unknown) => {
      throw new Refusal('unavailable', `whether a key signs for the payer cannot be read: ${(cause as Error).message}`);
    });
    return verifySignedOrder(crypto, ledger, signed);
  }
}

interface SignedBy {
  readonly order: NamedOrder;
  readonly signed: AgreedOrder;
  readonly isKnownPayer: boolean;
  /**
   * The row under its reply id when the order came. The same order may come many times at once, and is admitted once.
   */
  readonly known: AdmittedReply | undefined;
}

async function admitSigned(
  state: IntakeState,
  { order, signed, isKnownPayer, known }: SignedBy,
): Promise<{ readonly admission: SignedAdmission; readonly isNew: boolean }> {
  const { crypto, archive, verdicts } = state;
  const epoch = archive.latest().epoch;
  if (!equalBytes(order.validator, verdicts.validator)) {
    throw new Refusal('invalid', 'the order names another validator');
  }
  if (known) {
    assertSameOrder(known, signed);
    await state.group.synced();
    return { admission: await confirm(state, known), isNew: false };
  }
  await state.memory?.check();
  assertInTime(state, order, epoch);
  if (!verifyConsent(crypto, signed.consent, order)) {
    throw new Refusal('invalid', 'the named provider has not agreed to the order');
  }
  if (!isKnownPayer) takeReading(state, order.providerId);
  await assertNotEjected(state, order.providerId);
  await assertFeeBound(state, order);
  assertVerifierRoom(state, order);
  await assertTierStake(state, order);
  await assertRouter(state, order);
  const channel = await findChannel(state, order, computeNeeded(state, order));
  let signing: Promise<SignedAdmission> | undefined;
  const { isNew } = await reserving(state, order, (db) => {
    const admitted = admitReply(db, {
      ...{ order, consent: signed.consent, channel, limit: state.maxOpenOrders },
      orderBytes: signed.order,
      orderSignature: signed.signature,
      admittedEpoch: epoch,
      admittedAtMs: state.clock.nowMs(),
    });
    // The signature is made while the row goes to the disk, and dropped if the row does not get there.
    signing = confirm(state, admitted);
    signing.catch(() => undefined);
    return admitted;
  });
  return { admission: (await signing) as SignedAdmission, isNew };
}

/** Writes an order while its fee takes room. The room stays taken if this write stored the order. @throws Refusal */
async function reserving<T extends { readonly isNew: boolean }>(
  { group, room }: Pick<IntakeState, 'group' | 'room'>,
  order: NamedOrder,
  write: (db: Store) => T,
): Promise<T> {
  const settle = await room?.reserve(order);
  let isStored = false;
  try {
    const written = await group.write(write);
    isStored = written.isNew;
    return written;
  } finally {
    settle?.(isStored);
  }
}

/** @throws Refusal */
function takeReading({ store, newcomers }: Pick<IntakeState, 'store' | 'newcomers'>, providerId: Uint8Array): void {
  const { audits, rejects } = store.read(() => readProvider(store, providerId));
  if (newcomers.takeReading(audits > rejects ? providerId : undefined)) return;
  throw new RateLimited('too many payers that have never paid here; try again in a moment');
}

/**
 * Signs the admission of a row. The signature may leave once the row is on the disk, so that a validator never shows two times of one
 * admission.
 */
async function confirm(
  { ledger, signer }: Pick<IntakeState, 'ledger' | 'signer'>,
  { orderHash, admittedEpoch: epoch, admittedAtMs }: AdmittedReply,
): Promise<SignedAdmission> {
  const said = { epoch, timeMs: BigInt(admittedAtMs) };
  const statement = { kind: 'admission', domain: ledger, validator: signer.address, orderHash, ...said } as const;
  return { ...said, signature: await signer.sign(statement) };
}

/** @param epoch the newest epoch. @throws Refusal */
export function assertInTime(
  { clock }: Pick<IntakeState, 'clock'>,
  order: Pick<Order, 'expiresAtMs' | 'epoch'>,
  epoch: bigint,
): void {
  const leftMs = Number(order.expiresAtMs) - clock.nowMs();
  if (leftMs <= 0)
    throw new Refusal('precondition', `the order has expired ${-leftMs} ms ago, by this machine's clock`);
  if (leftMs > MAX_ORDER_LIFETIME_MS) {
    throw new Refusal(
      'invalid',
      `an order lives at most ${MAX_ORDER_LIFETIME_MS} ms; by this machine's clock this one lives ${leftMs}`,
    );
  }
  if (!isEpochNear(order.epoch, epoch)) {
    throw new Refusal('precondition', `an order of epoch ${order.epoch} in epoch ${epoch}`);
  }
}

/** Checks that the provider is ejected neither here nor on the chain. @throws Refusal */
export async function assertNotEjected(
  { store, chain }: Pick<IntakeState, 'store'> & { readonly chain: Pick<IntakeState['chain'], 'isEjected'> },
  providerId: Uint8Array,
): Promise<void> {
  const isEjectedHere = store.read(() => readProvider(store, providerId)).ejected;
  if (isEjectedHere || (await chain.isEjected(providerId))) {
    throw new Refusal('precondition', 'the provider was ejected');
  }
}

/** @throws Refusal */
async function assertFeeBound({ holdings }: Pick<IntakeState, 'holdings'>, order: Order): Promise<void> {
  const problem = await findFeeProblem(holdings, order).catch((cause: unknown) => {
    throw new Refusal('unavailable', `the provider's held earnings cannot be read: ${(cause as Error).message}`);
  });
  if (problem !== undefined) throw new Refusal('precondition', problem);
}

/** Checks that verifiers could compare the longest reply to the order. @throws Refusal */
function assertVerifierRoom({ verifiers }: Pick<IntakeState, 'verifiers'>, order: Order): void {
  const problem = findVerifierRoomProblem(verifiers.list(order), computeOrderRoom(order));
  if (problem !== undefined) throw new Refusal('precondition', problem);
}

/**
 * Checks the stake that the order's tier needs, since no quorum would sign a fee otherwise. An order names no tier, so
 * the announcement of its provider tells the tier of its weights. If no announcement is known here, the provider knows
 * its tier, and the record will tell. @throws Refusal
 */
async function assertTierStake(
  { holdings, store }: Pick<IntakeState, 'holdings' | 'store'>,
  order: Order,
): Promise<void> {
  if (holdings.tierStakes === undefined || holdings.tierStakes.size === 0) return;
  const announced = store.read(() => readAnnouncement(store, order.providerId));
  const offers = (announced?.models ?? []).filter(({ modelRoot }) => equalBytes(modelRoot, order.modelRoot));
  let problem: string | undefined;
  for (const { modelId } of offers) {
    problem = await findStakeProblem(holdings, parseModelId(modelId).tier, order).catch((cause: unknown) => {
      throw new Refusal('unavailable', `the provider's held earnings cannot be read: ${(cause as Error).message}`);
    });
    if (problem === undefined) return;
  }
  if (problem !== undefined) throw new Refusal('precondition', problem);
}

/** @throws Refusal */
async function assertRouter({ chain }: Pick<IntakeState, 'chain'>, order: NamedOrder): Promise<void> {
  const problem = await findRouterProblem(chain.router, order, computeOrderSpan(order)).catch((cause: unknown) => {
    throw new Refusal('unavailable', `the order's router cannot be read: ${(cause as Error).message}`);
  });
  if (problem !== undefined) throw new Refusal('precondition', problem);
}

/** Returns the amount that the channel must hold in all, as far as known before the chain is read. */
function computeNeeded({ store, clock }: Pick<IntakeState, 'store' | 'clock'>, order: Order): bigint {
  const { payer, cumulativeAtomic, maxFeeAtomic } = order;
  const held = store.read(
    () => readChannel(store, payer).settled + doWork(store, sumHolds(toHex(payer), clock.nowMs())),
  );
  if (held + maxFeeAtomic > cumulativeAtomic) return held + maxFeeAtomic;
  return cumulativeAtomic;
}

/**
 * Returns the payer's channel, with one reading of the chain at most.
 * @param coversAtomic the amount that it must hold in all. @throws Refusal
 */
export async function findChannel(
  { chain }: { readonly chain: Pick<IntakeState['chain'], 'channel'> },
  { payer, validator }: Pick<Order, 'payer' | 'validator'>,
  coversAtomic: bigint,
): ReturnType<IntakeState['chain']['channel']> {
  return chain.channel(payer, validator, { coversAtomic, maxAgeMs: CHANNEL_READING_MS }).catch((cause: unknown) => {
    throw new Refusal('unavailable', `the payer's channel cannot be read: ${(cause as Error).message}`);
  });
}
