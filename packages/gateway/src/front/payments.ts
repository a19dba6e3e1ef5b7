import type { ChainClient } from '@ogong/chain/client';
import { ChainError } from '@ogong/chain/errors';
import type { Address } from '@ogong/chain/hex';
import { isAuthorized } from '@ogong/chain/money/authorizations';
import type { SignedPermit } from '@ogong/chain/money/permits';
import type { ApiContext } from '@ogong/host/http/api-app';
import { ApiError } from '@ogong/host/http/api-error';
import { computeAddressGroup } from '@ogong/host/link/places';
import { createRateLimiter } from '@ogong/host/link/token-bucket';
import { createRepeating, type Repeating } from '@ogong/host/time/repeat';
import { computeMaxFee } from '@ogong/protocol/exchange/fee';
import type { KeyHolder } from '../books/api-keys.ts';
import { type CallPayment, describePermit, describeTransfer } from '../books/call-store.ts';
import {
  creditPayment,
  endPayment,
  findPayment,
  forgetPayments,
  hasCredit,
  listOpenPayments,
  namePayer,
  type PaymentRow,
  takePayment,
} from '../books/payment-store.ts';
import {
  encodePaymentRequired,
  encodePaymentResponse,
  isUpto,
  nameNetwork,
  PAYMENT_HEADER,
  PAYMENT_REQUIRED_HEADER,
  PAYMENT_RESPONSE_HEADER,
  type PaymentOffer,
  type PaymentTerms,
  parsePayment,
} from '../books/payment-wire.ts';
import {
  createPermits,
  type PermitChain,
  type PermitRefusal,
  type SettleDependencies,
  type SettleOptions,
} from './permits.ts';
import { boundMetered, type MeteredRequest } from './rate-limits.ts';

/** A caller without a key, before it has paid. */
export const UNPAID: KeyHolder = { id: 'unpaid', budgetAtomic: undefined };

export interface PaymentOptions extends SettleOptions {
  /** Price for computing the fee of a request. */
  readonly pricePer1kAtomic: bigint;
  readonly intervalMs: number;
  /** Limit for payments that are taken after their requests (see PermitOptions). Default: none are. */
  readonly mostUnsettledAtomic?: bigint | undefined;
}

export type PaymentDependencies = SettleDependencies<PaymentChain & PermitChain>;

export type PaymentChain = Pick<
  ChainClient,
  | 'balanceOf'
  | 'blockNumber'
  | 'chainTime'
  | 'findAuthorizedTransfer'
  | 'isAuthorizationSpent'
  | 'transferByAuthorization'
>;

/** The account that pays for one request, by one payment. */
export interface ChargedPayer extends KeyHolder {
  readonly payment: CallPayment;
}

export interface PaymentDesk extends Repeating {
  /**
   * Reads the payment of a caller without a key, before the body is read. It checks everything that needs neither the request nor
   * the chain, so that the payment has a valid signature.
   * @returns undefined without a payment.
   * @throws ApiError
   */
  read(context: ApiContext): Promise<PaymentOffer | SignedPermit | undefined>;
  /**
   * Takes the payment.
   * @param enter takes the payer's place among the running requests; the caller gives it back.
   * @returns the account that pays for the request.
   * @throws ApiError `payment_required` with the price and the terms in a header.
   */
  charge(
    context: ApiContext,
    asked: readonly MeteredRequest[],
    offer: PaymentOffer | SignedPermit | undefined,
    enter: (payer: KeyHolder) => void,
  ): Promise<ChargedPayer>;
  /** Notes that the request of this account is over, so that its price can be taken. */
  end(payer: KeyHolder): void;
}

/** The requested amount, and the most that the request may cost. */
interface Quote extends PaymentTerms {
  readonly neededAtomic: bigint;
}

/** Payments that are settled at once. Further ones are refused with a retry. */
const MOST_RUNNING = 16;
/** Running payments of one payer. Addresses are cheap, but each needs a balance, which is read before anything is settled. */
const MOST_RUNNING_OF_PAYER = 4;
/** Rate of checked signatures for callers of one address group. Each costs a millisecond. */
const CHECK_RATE = { perSecond: 32, burst: 128 };
/** Rate of payers without a balance for callers of one address group. */
const POOR_RATE = { perSecond: 4, burst: 32 };
const PER_ROUND = 64;
/** Least time before a payment lapses: the chain has to accept it in time. */
const LEAST_LIFE_S = 5n;
const MOST_LIFE_S = 3_600n;

export function createPayments(options: PaymentOptions, dependencies: PaymentDependencies): PaymentDesk {
  const { deployment, payTo, pricePer1kAtomic, leastAtomic } = options;
  const { books, client, clock, onError } = dependencies;
  /** Payments that are being settled, by payer and nonce. */
  const running = new Map<string, Address>();
  const checks = createRateLimiter(CHECK_RATE, clock);
  const lookups = createRateLimiter(POOR_RATE, clock);
  const place = { network: nameNetwork(deployment), asset: deployment.token };
  const { mostUnsettledAtomic } = options;
  const permits =
    mostUnsettledAtomic === undefined ? undefined : createPermits({ ...options, mostUnsettledAtomic }, dependencies);

  /** Computes the most that a request may cost. */
  async function quote(context: ApiContext, asked: readonly MeteredRequest[]): Promise<Quote> {
    const most = asked.reduce((sum, one) => {
      const bound = { promptTokens: boundMetered(one), outputTokens: 0 };
      return sum + computeMaxFee(bound, pricePer1kAtomic) * BigInt(one.count);
    }, 0n);
    const amountAtomic = most < leastAtomic ? leastAtomic : most;
    const facilitator = await permits?.findFacilitator();
    return { deployment, payTo, amountAtomic, neededAtomic: most, url: context.req.url, facilitator };
  }

  /**
   * Checks the payer's balance. Keys without a balance cost nothing, so they must not take a place among running payments.
   * @throws ApiError, ChainError
   */
  async function assertFunded({ from, value }: PaymentOffer['authorization'], terms: Quote, group: string) {
    if (!lookups.take(group)) throw createBusy();
    const chain = await client();
    const isFunded =
      (await chain.balanceOf(from)) >= value ||
      (await books.read(() => hasCredit(namePayer(from), terms.neededAtomic)));
    if (!isFunded) throw refuse('insufficient_funds');
    lookups.giveBack(group);
  }

  /** @throws ApiError */
  async function pay(
    offer: PaymentOffer,
    terms: Quote,
    { group, enter }: { readonly group: string; enter(payer: KeyHolder): void },
  ): Promise<PaymentRow> {
    const { from, nonce, value } = offer.authorization;
    if (value < terms.amountAtomic) throw refuse(`it pays ${value} of ${terms.amountAtomic} atomic units`);
    // The payment may have lapsed while the body arrived.
    const problem = findTimeProblem(offer, clock.nowMs());
    if (problem !== undefined) throw refuse(problem);
    const name = `${from} ${nonce}`;
    if (running.has(name)) throw refuse('nonce_already_used');
    let isRunning = false;
    try {
      await assertFunded(offer.authorization, terms, group);
      if (running.has(name)) throw refuse('nonce_already_used');
      const ofPayer = [...running.values()].filter((payer) => payer === from).length;
      if (running.size >= MOST_RUNNING || ofPayer >= MOST_RUNNING_OF_PAYER) throw createBusy();
      running.set(name, from);
      isRunning = true;
      const chain = await client();
      if (await chain.isAuthorizationSpent(offer.authorization)) throw refuse('nonce_already_used');
      const balance = await chain.balanceOf(from);
      const fromBlock = await chain.blockNumber();
      // Enter before anything is taken: a payment that finds no place costs nothing. A payer that cannot cover it leaves at once.
      enter({ id: namePayer(from), budgetAtomic: undefined });
      const taken = { account: namePayer(from), fromBlock, madeMs: clock.nowMs(), balanceAtomic: balance };
      const row = await books.write(() => takePayment(offer, { ...taken, neededAtomic: terms.neededAtomic }));
      if (row === 'used') throw refuse('nonce_already_used');
      if (row === 'poor') throw refuse('insufficient_funds');
      if (row.state !== 'unused') await settle(options, dependencies, row);
      return (await books.read(() => findPayment(offer.authorization))) ?? row;
    } catch (cause) {
      if (!(cause instanceof ChainError)) throw cause;
      const message = 'The payment is not on the chain yet. It is credited once it is there; ask again then.';
      throw new ApiError('storage_failed', message, { cause, publicCode: 'payment_unsettled', retryAfterS: 10 });
    } finally {
      if (isRunning) running.delete(name);
    }
  }

  /** @throws ApiError */
  async function promise(
    offer: SignedPermit,
    terms: Quote,
    { group, enter }: { readonly group: string; enter(payer: KeyHolder): void },
  ): Promise<ChargedPayer> {
    const { from, maximum } = offer.permit;
    if (permits === undefined) throw refuse(NO_UPTO);
    if (maximum < terms.amountAtomic) throw refuse(`it pays up to ${maximum} of ${terms.amountAtomic} atomic units`);
    if (!lookups.take(group)) throw createBusy();
    try {
      enter({ id: namePayer(from), budgetAtomic: undefined });
      const taken = await permits.take(offer, terms.neededAtomic);
      if (typeof taken === 'string') throw refuse(REFUSALS[taken]);
      lookups.giveBack(group);
      return { id: taken.account, budgetAtomic: undefined, payment: describePermit(taken, place) };
    } catch (cause) {
      if (!(cause instanceof ChainError)) throw cause;
      const message = 'The chain does not answer, so the payment cannot be checked. Nothing was taken.';
      throw new ApiError('storage_failed', message, { cause, publicCode: 'payment_unchecked', retryAfterS: 10 });
    }
  }

  const loop = createRepeating(
    { intervalMs: options.intervalMs },
    async () => {
      await books.write(() => forgetPayments(clock.nowMs() - options.keptMs));
      for (const row of await books.read(() => listOpenPayments(PER_ROUND))) {
        const { from, nonce } = row.authorization;
        if (!running.has(`${from} ${nonce}`)) await settle(options, dependencies, row).catch(onError);
      }
      await permits?.step();
    },
    onError,
  );

  return {
    ...loop,
    async read({ req, env }) {
      const header = req.header(PAYMENT_HEADER);
      if (header === undefined) return undefined;
      const offer = parsePayment(header, deployment);
      if (offer === undefined) throw new ApiError('invalid_request', `${PAYMENT_HEADER}: this is no payment of ours.`);
      if (!checks.take(nameGroup(env))) throw createBusy();
      const problem = isUpto(offer)
        ? ((await permits?.findProblem(offer, clock.nowMs())) ?? (permits ? undefined : NO_UPTO))
        : await findProblem(offer, { deployment, payTo }, clock.nowMs());
      if (problem !== undefined) throw refuse(problem);
      return offer;
    },
    async charge(context, asked, offer, enter) {
      const terms = await quote(context, asked);
      const require = (problem?: string): void =>
        context.header(PAYMENT_REQUIRED_HEADER, encodePaymentRequired(terms, problem));
      if (offer === undefined) {
        require();
        throw refuse(undefined, terms);
      }
      const admission = { group: nameGroup(context.env), enter };
      const answer = (payer: Address, transaction: string): void => {
        const response = { success: true, transaction, network: place.network, payer };
        context.header(PAYMENT_RESPONSE_HEADER, encodePaymentResponse(response));
      };
      try {
        if (isUpto(offer)) {
          const payer = await promise(offer, terms, admission);
          answer(offer.permit.from, '');
          return payer;
        }
        const row = await pay(offer, terms, admission);
        // Another transfer may have used its nonce: a payment that the chain does not show does not count.
        if (['pending', 'failed', 'undone'].includes(row.state)) throw refuse('the chain does not take this transfer');
        answer(offer.authorization.from, row.transactionHash);
        return { id: row.account, budgetAtomic: undefined, payment: describeTransfer(row, place) };
      } catch (error) {
        if (error instanceof ApiError && error.code === 'payment_required') require(error.message);
        throw error;
      }
    },
    end: ({ id }) => permits?.end(id),
  };
}

const NO_UPTO = 'this gateway takes no payments of scheme upto';
const REFUSALS: Readonly<Record<PermitRefusal, string>> = {
  used: 'nonce_already_used',
  poor: 'insufficient_funds, counting payments that are not taken yet, or Permit2 may not spend them (a signed approval covers one payment at a time)',
  owes: 'an earlier payment of this payer could not be taken',
  full: 'the gateway waits for as many payments as it may; pay by scheme exact',
};

const nameGroup = ({ incoming }: ApiContext['env']): string =>
  computeAddressGroup(incoming?.socket.remoteAddress) ?? '';

const refuse = (problem: string | undefined, terms?: PaymentTerms): ApiError =>
  new ApiError(
    'payment_required',
    terms
      ? `This request may cost ${terms.amountAtomic} atomic units: pay them as the header ${PAYMENT_REQUIRED_HEADER} says (x402), or send an API key.`
      : `The payment is not taken: ${problem}.`,
  );

const createBusy = (): ApiError =>
  new ApiError('too_many_requests', 'Many payments are being settled; try again shortly.', { retryAfterS: 2 });

/** Finds a reason to refuse a payment, before its request is read and the chain is asked. */
async function findProblem(
  offer: PaymentOffer,
  { deployment, payTo }: Pick<PaymentTerms, 'deployment' | 'payTo'>,
  nowMs: number,
): Promise<string | undefined> {
  const { authorization, signature } = offer;
  if (authorization.to !== payTo) return `it pays ${authorization.to}, and not ${payTo}`;
  const problem = findTimeProblem(offer, nowMs);
  if (problem !== undefined) return problem;
  return (await isAuthorized(deployment, authorization, signature)) ? undefined : 'its payer did not sign it';
}

function findTimeProblem({ authorization }: PaymentOffer, nowMs: number): string | undefined {
  const nowS = BigInt(Math.floor(nowMs / 1000));
  if (authorization.validAfter > nowS) return 'it is not good yet';
  if (authorization.validBefore < nowS + LEAST_LIFE_S) return 'it has lapsed, or is about to';
  return authorization.validBefore > nowS + MOST_LIFE_S ? 'it is good for too long: an hour at most' : undefined;
}

/** Brings a payment to its next state on the chain. A repetition after a crash changes nothing twice. @throws ChainError */
async function settle(
  { confirmations }: Pick<PaymentOptions, 'confirmations'>,
  { books, client, clock }: PaymentDependencies,
  { authorization, signature }: PaymentOffer,
): Promise<void> {
  const chain = await client();
  const end = (row: PaymentRow, state: 'failed' | 'undone' | 'final') =>
    books.write(() => endPayment(row, state, clock.nowMs()));
  const lose = (row: PaymentRow) => end(row, row.state === 'paid' ? 'undone' : 'failed');
  /** Notes the transfer that is on the chain, from any sender. */
  const note = async (row: PaymentRow): Promise<void> => {
    const found = await chain.findAuthorizedTransfer(authorization, row.fromBlock);
    if (found) {
      await books.write(() => creditPayment(row, found.transactionHash, clock.nowMs()));
      if ((await chain.blockNumber()) - found.blockNumber >= confirmations) await end(row, 'final');
      return;
    }
    // The owner cancelled it, or this node is behind and does not show it yet.
    if ((await chain.chainTime()) >= authorization.validBefore) await lose(row);
  };
  const step = async (row: PaymentRow): Promise<void> => {
    if (await chain.isAuthorizationSpent(authorization)) return note(row);
    if ((await chain.chainTime()) >= authorization.validBefore) return lose(row);
    try {
      const { transactionHash } = await chain.transferByAuthorization(authorization, signature);
      await books.write(() => creditPayment(row, transactionHash, clock.nowMs()));
    } catch (error) {
      if (!(error instanceof ChainError) || error.code !== 'reverted') throw error;
      if (await chain.isAuthorizationSpent(authorization)) return note(row);
      await lose(row);
    }
  };
  // The same account fills the escrow.
  await books.alone('funding', async () => {
    // Another gateway may have settled it since it was read.
    const row = await books.read(() => findPayment(authorization));
    if (row?.state === 'pending' || row?.state === 'paid') await step(row);
  });
}
