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

/** What a header of any modality is held against. */
export interface OrderContext {
  readonly order: NamedOrder;
  /** The canonical bytes that were served; undefined where only their summary is shown, and what needs them is skipped. */
  readonly response: Uint8Array | undefined;
  /** Of the order's epoch; undefined where it is not known, and what needs it is skipped. */
  readonly beacon: OrderBeacon | undefined;
  /**
   * A reply that was cut short is paid by its payer's word alone (docs/spec/progress.md): a validator takes it in without, and a
   * receipt of it has to carry that word.
   */
  readonly mayBeCancelled: boolean;
}

/** Whether the header names this very order: two records that name one order are two statements about one reply. */
export function checkOrder({ orderHash }: CommonHeader, order: NamedOrder): Check {
  return check('header-order', equalBytes(orderHash, order.orderHash), [
    `the reply to order ${toHex(orderHash).slice(0, 16)}`,
    `the header names order ${toHex(orderHash).slice(0, 16)}, this one is ${toHex(order.orderHash).slice(0, 16)}`,
  ]);
}

/** Whether sketches are taken along the epoch's directions. */
export function checkBank(crypto: Crypto, header: CommonHeader, order: Order, beacon: OrderBeacon | undefined): Check {
  if (beacon === undefined) return skip('sketch-bank', 'no beacon to derive the directions from');
  // The provider must not choose how sharp its sketch is: fewer directions blur every distance.
  if (header.sketchDirections !== DEFAULT_DIRECTIONS) {
    return fail('sketch-bank', `the sketch has ${header.sketchDirections} directions, not ${DEFAULT_DIRECTIONS}`);
  }
  const seed = computeBankSeed(crypto, order.modelRoot, beacon.previous);
  return check('sketch-bank', equalBytes(seed, header.sketchBankSeed), [
    'directions derive from the model and the previous beacon',
    "the sketch uses another bank than the epoch's",
  ]);
}

/**
 * Routing counts the payee's stake, and evidence ejects the payee. So a reply must be judged under the payee that it was routed
 * by.
 */
export function checkPayee(header: CommonHeader, order: Order): Check {
  return check('payee', equalBytes(header.payee, order.payee), [
    `the payee of the order, 0x${toHex(order.payee)}`,
    `the header names payee 0x${toHex(header.payee)}, the order 0x${toHex(order.payee)}`,
  ]);
}

/** Whether the longest pass of a reply fits into the context that the order was matched by, whatever ended the reply. */
export function checkRoom(tokens: number, contextSize: number): Check {
  return check('context', tokens <= contextSize, [
    `${tokens} tokens fit into the announced context of ${contextSize}`,
    `${tokens} tokens do not fit into the announced context of ${contextSize}`,
  ]);
}

/** Whether the opened leaves are the ones that were signed: nothing else about them counts before that. */
export function checkRoot(crypto: Crypto, record: Pick<RecordV2, 'commitRoot'>, opening: Opening): Check {
  const { root, size } = computeCommitment(crypto, opening);
  return check('commitment-root', equalBytes(root, record.commitRoot), [
    `${size} leaves hash to the record's commit_root`,
    "the opened leaves do not hash to the record's commit_root",
  ]);
}
