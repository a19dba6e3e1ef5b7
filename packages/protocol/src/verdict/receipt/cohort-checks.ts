import { toHex } from '../../base/bytes.ts';
import { type Check, check, fail, pass, skip } from '../../base/checks.ts';
import type { CommonHeader, HeaderBoundary } from '../../commitment/common-header.ts';
import type { Crypto } from '../../crypto/crypto.ts';
import { describeLayers } from '../../exchange/cohort/segment.ts';
import type { NamedOrder } from '../../exchange/order.ts';
import type { CommonRequest } from '../../modality/modality.ts';
import { findWeakness } from '../../modality/shared/serving-cohort.ts';
import { verifyBoundaryRoot } from '../../modality/text/boundary/boundary-root.ts';
import { type CohortMember, type CohortTerms, readCohort } from '../../settlement/cohort-agreement.ts';
import type { Verdict } from '../../settlement/verdict-log.ts';
import type { Receipt } from '../../stage1/receipt.ts';
import type { EntryCulprit } from './settled.ts';

/** A provider of a cohort as a receipt shows it, in plain JSON. */
export interface ReceiptShard extends Pick<CohortMember, 'firstLayer' | 'layers' | 'numericClass'> {
  /** Hash of the provider's key, hex. */
  readonly providerId: string;
  /** Ledger address with 0x. */
  readonly payee: string;
  /** Part of the order's price for 1,000 tokens, atomic units in decimal digits. */
  readonly pricePer1kAtomic: string;
  readonly isLeader: boolean;
  /** The root of the rows that it sent, hex. The leader sends tokens and has none. Absent where a root is missing. */
  readonly boundary?: { readonly positions: number; readonly root: string; readonly isSigned: boolean };
}

/** The providers that served a reply together (docs/spec/receipt.md#cohort). */
export interface ReceiptCohort {
  /** Hash of the manifest of the cut, hex. */
  readonly manifestHash: string;
  /** In the order of their layers; the last one leads. */
  readonly shards: readonly ReceiptShard[];
  /** Verdict of the settled log entry, if the reader followed the reply and the check `settled` passed. */
  readonly verdict?: Verdict;
  /** The shard that the validator's log rejects, if the reader followed the reply. The validator alone says this. */
  readonly culprit?: EntryCulprit;
}

export interface CohortReading {
  /** Empty for a reply that one provider served alone: there is nothing to check. */
  readonly checks: readonly Check[];
  /** An agreement that counts for the order, and its members. */
  readonly agreed?: { readonly terms: CohortTerms; readonly cohort: ReceiptCohort };
}

/** The checks of roots. Stage 1 makes the first two of the opening, if a header lists roots. */
const OF_ROOTS = ['boundary-roots', 'boundary-form', 'boundary-inputs', 'boundary-chain', 'boundary-signatures'];

/**
 * Checks the agreement of a receipt, and the roots that its shards signed.
 * @param header of the reply. Undefined if the receipt shows none that parses.
 */
export function checkCohort(
  crypto: Crypto,
  { ledger, opening, cohort: agreement }: Pick<Receipt, 'ledger' | 'opening' | 'cohort'>,
  { order, request }: { readonly order: NamedOrder; readonly request: Pick<CommonRequest, 'model' | 'demands'> },
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
  const weakest = findWeakness(request, terms, order);
  if (weakest !== undefined) return { checks: [fail('cohort', weakest)] };
  const consented = pass('cohort', `${members.length} providers read the prompt, and each has agreed to this order`);
  const shards = members.map((member, place) => {
    const isLeader = place === members.length - 1;
    return showShard(crypto, order, { member, place, isLeader, boundary: isLeader ? undefined : roots[place] });
  });
  const agreed = { terms, cohort: { manifestHash: toHex(terms.manifestHash), shards } };
  if (shards.length === 1) return { checks: [consented], agreed };
  if (header !== undefined) return { checks: [consented, checkChain(shards, header), checkSignatures(shards)], agreed };
  const at = 'url' in opening ? `compact receipt: the opening is at ${opening.url}` : undefined;
  const skipped = at === undefined ? [] : OF_ROOTS.map((id) => skip(id, at));
  return { checks: [consented, ...skipped], agreed };
}

interface PlacedMember {
  readonly member: CohortMember;
  readonly place: number;
  readonly isLeader: boolean;
  readonly boundary: HeaderBoundary | undefined;
}

function showShard(
  crypto: Crypto,
  { orderHash }: NamedOrder,
  { member, place, isLeader, boundary }: PlacedMember,
): ReceiptShard {
  const { firstLayer, layers, numericClass, sessionKey } = member;
  const shown = {
    ...{ firstLayer, layers, numericClass, isLeader, providerId: toHex(member.providerId) },
    ...{ payee: `0x${toHex(member.payee)}`, pricePer1kAtomic: `${member.pricePer1kAtomic}` },
  };
  if (boundary === undefined) return shown;
  const { positions, root } = boundary;
  const sender = { orderHash, place, senderKey: sessionKey };
  const isSigned = verifyBoundaryRoot(crypto, sender, { ...boundary, orderHash, place });
  return { ...shown, boundary: { positions, root: toHex(root), isSigned } };
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
    return positions !== needed
      ? [`${describeShard(shard, place)} signed ${positions} positions, and the reply has ${needed}`]
      : [];
  });
  const count = `${boundaries.length} roots for ${senders.length} shards before the leader`;
  const problem = gaps[0] ?? (boundaries.length === senders.length ? undefined : count);
  return check('boundary-chain', problem === undefined, [
    `each of ${senders.length} shards before the leader has a root over ${needed} positions`,
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
