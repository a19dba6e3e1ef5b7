import { type Check, check, fail, pass, skip } from '../../base/checks.ts';
import type { CommonHeader, HeaderBoundary } from '../../commitment/common-header.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { describeLayers } from '../../exchange/cohort/segment.ts';
import type { NamedOrder } from '../../exchange/order.ts';
import { MAX_TURNS } from '../../modality/text/boundary/boundary-pass.ts';
import { verifyBoundaryRoot } from '../../modality/text/boundary/boundary-root.ts';
import { type CohortMember, type CohortTerms, readCohort } from '../../settlement/cohort-agreement.ts';
import type { Receipt } from '../../stage1/receipt.ts';

/** A provider of a cohort as a receipt shows it. */
export interface ReceiptShard extends CohortMember {
  /** The root that it signed of the rows that it sent. The leader sends tokens and has none. Undefined if a root is missing. */
  readonly boundary?: Pick<HeaderBoundary, 'positions' | 'root'> & { readonly isSigned: boolean };
}

/** The providers that served a reply together (docs/spec/receipt.md#cohort). */
export interface ReceiptCohort {
  readonly terms: CohortTerms;
  /** In the order of their layers; the last one leads. */
  readonly shards: readonly ReceiptShard[];
}

export interface CohortReading {
  /** Empty for a reply that one provider served alone: there is nothing to check. */
  readonly checks: readonly Check[];
  /** Undefined without an agreement that counts for the order. */
  readonly cohort?: ReceiptCohort;
}

/**
 * Checks the agreement of a receipt, and the roots that its shards signed.
 * @param header of the reply. Undefined if the receipt shows none that parses.
 */
export function checkCohort(
  crypto: Crypto,
  { ledger, opening, cohort: agreement }: Pick<Receipt, 'ledger' | 'opening' | 'cohort'>,
  order: NamedOrder,
  header: CommonHeader | undefined,
): CohortReading {
  const roots = header?.boundaries ?? [];
  if (agreement === undefined) {
    const hidden = `the header has ${roots.length} roots of shards, and the receipt has no agreement of a cohort`;
    return { checks: roots.length === 0 ? [] : [fail('cohort', hidden)] };
  }
  const read = readCohort(crypto, { ledger, order, numericClass: header?.numericClass }, agreement);
  if ('problem' in read) return { checks: [fail('cohort', read.problem)] };
  const { terms } = read;
  const { members } = terms;
  const agreed = pass('cohort', `${members.length} providers read the prompt, and each has agreed to this order`);
  const rootOf = (place: number) => (place === members.length - 1 ? undefined : roots[place]);
  const shards = members.map((member, place) => showShard(crypto, order, { member, root: rootOf(place), place }));
  const cohort = { terms, shards };
  if (shards.length === 1) return { checks: [agreed], cohort };
  if (header !== undefined) return { checks: [agreed, checkChain(shards, header), checkSignatures(shards)], cohort };
  const at = 'url' in opening ? `compact receipt: the opening is at ${opening.url}` : undefined;
  const skipped = at === undefined ? [] : [skip('boundary-chain', at), skip('boundary-signatures', at)];
  return { checks: [agreed, ...skipped], cohort };
}

function showShard(
  crypto: Crypto,
  { orderHash }: NamedOrder,
  {
    member,
    root: boundary,
    place,
  }: { readonly member: CohortMember; readonly root: HeaderBoundary | undefined; readonly place: number },
): ReceiptShard {
  if (boundary === undefined) return member;
  const { positions, turns, root } = boundary;
  const sender = { orderHash, place, senderKey: member.sessionKey };
  // Nobody can sign for another number of turns, and a header may name any.
  const isSigned =
    turns >= 1 && turns <= MAX_TURNS && verifyBoundaryRoot(crypto, sender, { ...boundary, orderHash, place });
  return { ...member, boundary: { positions, root, isSigned } };
}

/** Checks that each shard before the leader has a root over all rows of the reply. Nothing is computed from the last token. */
function checkChain(
  shards: readonly ReceiptShard[],
  { boundaries = [], promptTokenCount, outputTokenCount }: CommonHeader,
): Check {
  const senders = shards.slice(0, -1);
  const needed = promptTokenCount + outputTokenCount - 1;
  const gaps = senders.flatMap(({ boundary, ...shard }, place) => {
    if (boundary === undefined) return [`${describeShard(shard, place)} has no root`];
    const { positions } = boundary;
    return positions < needed ? [`${describeShard(shard, place)} signed ${positions} of ${needed} positions`] : [];
  });
  const count = `${boundaries.length} roots for ${senders.length} shards before the leader`;
  const problem = gaps[0] ?? (boundaries.length === senders.length ? undefined : count);
  return check('boundary-chain', problem === undefined, [
    `each of ${senders.length} shards before the leader has a root over at least ${needed} positions`,
    problem ?? '',
  ]);
}

function checkSignatures(shards: readonly ReceiptShard[]): Check {
  if (shards.every(({ boundary }) => boundary === undefined)) return skip('boundary-signatures', 'there is no root');
  const place = shards.findIndex(({ boundary }) => boundary?.isSigned === false);
  const unsigned = shards[place];
  return check('boundary-signatures', unsigned === undefined, [
    'each root has the signature of its shard',
    unsigned ? `${describeShard(unsigned, place)} has not signed its root for this order` : '',
  ]);
}

const describeShard = (shard: Pick<CohortMember, 'firstLayer' | 'layers'>, place: number): string =>
  `shard ${place} (${describeLayers(shard)})`;
