import { equalBytes, toHex } from '../base/bytes.ts';
import { type Check, check, fail, skip } from '../base/checks.ts';
import type { CommonHeader } from '../commitment/common-header.ts';
import { computeCommitment, type Opening } from '../commitment/opening.ts';
import type { RecordV2 } from '../commitment/record.ts';
import { computeBankSeed, DEFAULT_DIRECTIONS } from '../commitment/sketch.ts';
import type { Crypto } from '../crypto/crypto.ts';
import type { NamedOrder, Order } from '../exchange/order.ts';

export interface OrderBeacon {
  readonly value: Uint8Array;
  readonly previous: Uint8Array;
}

/** The context for checking a header of any modality. */
export interface OrderContext {
  readonly order: NamedOrder;
  /**
   * The canonical bytes that were served; undefined if only their summary is shown. Then the checks that need them are skipped.
   */
  readonly response: Uint8Array | undefined;
  /** Beacon of the order's epoch; undefined if it is not known. Then the checks that need it are skipped. */
  readonly beacon: OrderBeacon | undefined;
  /**
   * Set if a truncated reply may come without its payer's progress statement, on which its fee depends (docs/spec/progress.md).
   * A validator accepts it without. A receipt of it must contain the statement.
   */
  readonly mayBeCancelled: boolean;
}

/** Checks that the header names this order. Two records that name one order are two statements about one reply. */
export function checkOrder({ orderHash }: CommonHeader, order: NamedOrder): Check {
  return check('header-order', equalBytes(orderHash, order.orderHash), [
    `the reply to order ${toHex(orderHash).slice(0, 16)}`,
    `the header names order ${toHex(orderHash).slice(0, 16)}, this one is ${toHex(order.orderHash).slice(0, 16)}`,
  ]);
}

/** Checks that sketches use the epoch's directions. @param directions of the modality's sketches. */
export function checkBank(
  crypto: Crypto,
  header: CommonHeader,
  order: Order,
  beacon: OrderBeacon | undefined,
  directions: number = DEFAULT_DIRECTIONS,
): Check {
  if (beacon === undefined) return skip('sketch-bank', 'no beacon to derive the directions from');
  // The provider must not choose the precision of its sketch: fewer directions blur every distance.
  if (header.sketchDirections !== directions) {
    return fail('sketch-bank', `the sketch has ${header.sketchDirections} directions, not ${directions}`);
  }
  const seed = computeBankSeed(crypto, order.modelRoot, beacon.previous);
  return check('sketch-bank', equalBytes(seed, header.sketchBankSeed), [
    'directions derive from the model and the previous beacon',
    "the sketch uses another bank than the epoch's",
  ]);
}

/**
 * Checks the payee. Routing counts the payee's stake, and evidence ejects the payee. So the verdict on a reply must use the
 * payee of its routing.
 */
export function checkPayee(header: CommonHeader, order: Order): Check {
  return check('payee', equalBytes(header.payee, order.payee), [
    `the payee of the order, 0x${toHex(order.payee)}`,
    `the header names payee 0x${toHex(header.payee)}, the order 0x${toHex(order.payee)}`,
  ]);
}

/** Checks that the longest pass of a reply fits into the context of its order's match, for any stop reason. */
export function checkRoom(tokens: number, contextSize: number): Check {
  return check('context', tokens <= contextSize, [
    `${tokens} tokens fit into the announced context of ${contextSize}`,
    `${tokens} tokens do not fit into the announced context of ${contextSize}`,
  ]);
}

/** Checks that the opened leaves are the signed ones. Nothing else about them counts before that, and no leaf commits to edges. */
export function checkRoot(crypto: Crypto, record: Pick<RecordV2, 'commitRoot'>, opening: Opening): Check {
  const { root, size } = computeCommitment(crypto, opening);
  const { edges = [] } = opening;
  return check('commitment-root', equalBytes(root, record.commitRoot) && edges.length === 0, [
    `${size} leaves hash to the record's commit_root`,
    "the opened leaves do not hash to the record's commit_root",
  ]);
}
