import { Refusal } from '@ogong/host/link/link-error';
import type { PeerId } from '@ogong/host/link/link-identity';
import type { Clock } from '@ogong/host/time/clock';
import type { ChainView } from '@ogong/host/views/chain-view';
import { equalBytes, ProtocolError, toHex } from '@ogong/protocol/base/bytes';
import { BLIND_BYTES, hashBlind } from '@ogong/protocol/commitment/blinds';
import { listEdges, type SlabManifest } from '@ogong/protocol/commitment/slab-manifest';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { MAX_ORDER_LIFETIME_MS } from '@ogong/protocol/exchange/limits';
import { type NamedOrder, nameOrder, parseOrder, verifyOrder } from '@ogong/protocol/exchange/order';
import type { AgreeRequest } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { countLayers } from '@ogong/protocol/settlement/cohort';
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
  /** The cut of the shard's model. */
  readonly manifest: SlabManifest;
  readonly manifestHash: Uint8Array;
}

export interface CheckedAgreement {
  readonly order: NamedOrder;
  readonly terms: CohortTerms;
  /** Place of this shard. */
  readonly place: number;
}

/**
 * Checks that a payer signed an order, and that its leader signed terms that have this shard as it offers itself. The signatures come last.
 * @param peer that calls. @throws Refusal naming the first check that failed.
 */
export function checkAgreement(check: AgreementCheck, peer: PeerId, message: AgreeRequest): CheckedAgreement {
  const { crypto, clock, chain, own, manifest } = check;
  const { leader } = message;
  if (leader === undefined || message.blind.length !== BLIND_BYTES)
    throw new Refusal('invalid', 'the signature of the leader or the blind is missing');
  const order = read('order', () => nameOrder(crypto, chain.ledger, parseOrder(copy(message.order?.order))));
  const nowMs = BigInt(clock.nowMs());
  if (order.expiresAtMs <= nowMs) refuse(`the order has expired ${nowMs - order.expiresAtMs} ms ago`);
  if (order.expiresAtMs > nowMs + BigInt(MAX_ORDER_LIFETIME_MS)) refuse('the order lives too long');
  const terms = read('terms', () => parseCohortTerms(copy(message.terms)));
  const problem = findTermsProblem({ ledger: chain.ledger, order, blindHash: hashBlind(crypto, message.blind) }, terms);
  if (problem !== undefined) refuse(problem);
  if (!equalBytes(terms.leaderLink, peer)) refuse('the terms name another link of the leader than the one that calls');
  if (!equalBytes(terms.manifestHash, check.manifestHash)) refuse('the cohort serves another cut of the model');
  if (!equalBytes(terms.modelRoot, manifest.modelRoot)) refuse('the cohort serves another model');
  const cut = findCutProblem(terms, manifest);
  if (cut !== undefined) refuse(cut);
  const place = terms.members.findIndex(({ providerId }) => equalBytes(providerId, own.providerId));
  if (place < 0) refuse('this shard is no member of the cohort');
  const difference = findDifference(terms.members[place] as CohortMember, own);
  if (difference !== undefined) refuse(`the terms name another ${difference} than this shard offers`);
  if (place === terms.members.length - 1) refuse('this shard leads the cohort, and agrees with nobody');
  if (chain.findByAddress(order.validator) === undefined)
    refuse(`0x${toHex(order.validator)} is not a registered validator`);
  const unsigned = findConsentProblem(crypto, terms, leader, terms.members.length - 1);
  if (unsigned !== undefined) refuse(unsigned);
  if (!verifyOrder(crypto, order, message.order?.signature ?? new Uint8Array()))
    refuse('the order is not signed by its payer for this chain and escrow');
  return { order, terms, place };
}

/** Finds the reason that members do not hold slabs of this cut; undefined if they do. */
function findCutProblem({ members }: CohortTerms, manifest: SlabManifest): string | undefined {
  const layers = countLayers(members);
  if (layers !== manifest.layers) return `the cohort has ${layers} layers, and the model ${manifest.layers}`;
  const edges = listEdges(manifest);
  const other = members.find(({ firstLayer }) => firstLayer > 0 && !edges.includes(firstLayer));
  return other && `a segment begins at layer ${other.firstLayer}, which is no edge of the cut`;
}

/** Names the first term that differs. */
function findDifference(named: CohortMember, own: CohortMember): string | undefined {
  if (!equalBytes(named.payee, own.payee)) return 'payee';
  if (named.firstLayer !== own.firstLayer || named.layers !== own.layers) return 'range of layers';
  if (named.pricePer1kAtomic !== own.pricePer1kAtomic) return 'price';
  if (named.numericClass !== own.numericClass) return 'numeric class';
  return equalBytes(named.sessionKey, own.sessionKey) ? undefined : 'session key';
}

/** The order outlives its message. */
const copy = (bytes: Uint8Array = new Uint8Array()): Uint8Array => bytes.slice();

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
