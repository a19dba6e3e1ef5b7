import { Refusal } from '@ogong/host/link/link-error';
import type { Clock } from '@ogong/host/time/clock';
import type { ChainView } from '@ogong/host/views/chain-view';
import { equalBytes, ProtocolError, toHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { findAdmissionProblem } from '@ogong/protocol/exchange/admission';
import { MAX_ORDER_LIFETIME_MS } from '@ogong/protocol/exchange/limits';
import { type NamedOrder, nameOrder, parseOrder, verifyOrder } from '@ogong/protocol/exchange/order';
import type { AgreeRequest } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import {
  type CohortMember,
  type CohortTerms,
  findConsentProblem,
  findTermsProblem,
  parseCohortTerms,
} from '@ogong/protocol/settlement/cohort-agreement';

export interface AgreementCheck {
  readonly crypto: Crypto;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly chain: Pick<ChainView, 'ledger' | 'findByAddress'>;
  /** The shard as it offers itself. */
  readonly own: CohortMember;
  readonly manifestHash: Uint8Array;
  readonly modelRoot: Uint8Array;
}

export interface CheckedAgreement {
  readonly order: NamedOrder;
  readonly terms: CohortTerms;
  /** Place of this shard. */
  readonly place: number;
}

const BLIND_BYTES = 32;

/**
 * Checks that an order is admitted, and that its terms have this shard as it offers itself. The signatures come last.
 * @throws Refusal naming the first check that failed.
 */
export function checkAgreement(check: AgreementCheck, message: AgreeRequest): CheckedAgreement {
  const { crypto, clock, chain, own } = check;
  const { admission, leader } = message;
  if (admission === undefined || leader === undefined || message.blind.length !== BLIND_BYTES)
    throw new Refusal('invalid', 'the admission, the signature of the leader or the blind is missing');
  const order = read('order', () =>
    nameOrder(crypto, chain.ledger, parseOrder(message.order?.order ?? new Uint8Array())),
  );
  const nowMs = BigInt(clock.nowMs());
  if (order.expiresAtMs <= nowMs) refuse(`the order has expired ${nowMs - order.expiresAtMs} ms ago`);
  if (order.expiresAtMs > nowMs + BigInt(MAX_ORDER_LIFETIME_MS)) refuse('the order lives too long');
  const terms = read('terms', () => parseCohortTerms(message.terms));
  const problem = findTermsProblem({ ledger: chain.ledger, order }, terms);
  if (problem !== undefined) refuse(problem);
  if (!equalBytes(terms.manifestHash, check.manifestHash)) refuse('the cohort serves another cut of the model');
  if (!equalBytes(terms.modelRoot, check.modelRoot)) refuse('the cohort serves another model');
  const place = terms.members.findIndex(({ providerId }) => equalBytes(providerId, own.providerId));
  if (place < 0) refuse('this shard is no member of the cohort');
  const difference = findDifference(terms.members[place] as CohortMember, own);
  if (difference !== undefined) refuse(`the terms name another ${difference} than this shard offers`);
  if (place === terms.members.length - 1) refuse('this shard leads the cohort, and agrees with nobody');
  const validator = chain.findByAddress(order.validator);
  if (validator === undefined) return refuse(`0x${toHex(order.validator)} is not a registered validator`);
  const unsigned = findConsentProblem(crypto, terms, leader, terms.members.length - 1);
  if (unsigned !== undefined) refuse(unsigned);
  if (!verifyOrder(crypto, order, message.order?.signature ?? new Uint8Array()))
    refuse('the order is not signed by its payer for this chain and escrow');
  const unadmitted = findAdmissionProblem(
    crypto,
    { ledger: chain.ledger, order, signingKeys: [validator.signingKey] },
    admission,
  );
  if (unadmitted !== undefined) throw new Refusal('not-admitted', unadmitted);
  return { order, terms, place };
}

/** Names the first term that differs. */
function findDifference(named: CohortMember, own: CohortMember): string | undefined {
  if (!equalBytes(named.payee, own.payee)) return 'payee';
  if (named.firstLayer !== own.firstLayer || named.layers !== own.layers) return 'range of layers';
  if (named.pricePer1kAtomic !== own.pricePer1kAtomic) return 'price';
  if (named.numericClass !== own.numericClass) return 'numeric class';
  return equalBytes(named.sessionKey, own.sessionKey) ? undefined : 'session key';
}

function refuse(reason: string): never {
  throw new Refusal('precondition', reason);
}

function read<T>(name: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof ProtocolError) throw new Refusal('invalid', `${name}: ${error.message}`);
    throw error;
  }
}
