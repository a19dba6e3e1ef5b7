import { bytes, columns, named, optionalColumns } from '@ogong/host/store/columns';
import type { Store } from '@ogong/host/store/store';
import { computeDecidingEpoch } from '@ogong/protocol/audit/deciding-epoch';
import { type Delivery, parseDelivery, type SignedDelivery } from '@ogong/protocol/exchange/delivery';
import type { BoundRecord } from '@ogong/protocol/verdict/claim';
import { hashList } from './hash-list.ts';

/** A payer's delivery of a reply. Every function that writes belongs inside a group commit. */
export interface StoredDelivery {
  readonly signed: SignedDelivery;
  /** The payer's record, until the provider hands the same one in. */
  readonly awaited: BoundRecord | undefined;
}

const deliveryColumns = columns({
  signed: columns({ delivery: bytes, signature: bytes }),
  awaited: optionalColumns({
    record: bytes,
    providerKey: bytes,
    signature: named('record_signature', bytes),
    header: bytes,
    headerProof: hashList,
  }),
});

export function readDelivery(store: Store, replyId: Uint8Array): StoredDelivery | undefined {
  const sql = `SELECT ${deliveryColumns.list} FROM deliveries WHERE reply_id = ?`;
  return deliveryColumns.get(store.prepare(sql), replyId);
}

/** Stores a delivery. The first one counts, and later ones change nothing. */
export function putDelivery(store: Store, replyId: Uint8Array, { signed, awaited }: StoredDelivery): void {
  store
    .prepare(
      `INSERT OR IGNORE INTO deliveries (reply_id, delivery, signature, record, provider_key, record_signature, header,
         header_proof) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
    )
    .run(
      replyId,
      signed.delivery,
      signed.signature,
      awaited?.record ?? null,
      awaited?.providerKey ?? null,
      awaited?.signature ?? null,
      awaited?.header ?? null,
      awaited ? hashList.write(awaited.headerProof) : null,
    );
}

/**
 * Handles the provider's record that the payer also has. A delivery whose epoch would have another beacon decide is
 * deleted. This validator knows when it had the reply, and its payer cannot force an audit by naming a later time.
 */
export function meetDelivery(store: Store, replyId: Uint8Array, epochs: DecidingInput): void {
  const delivery = readDelivery(store, replyId);
  if (delivery === undefined) return;
  if (movesDecision(parseDelivery(delivery.signed.delivery), epochs)) {
    store.prepare('DELETE FROM deliveries WHERE reply_id = ?').run(replyId);
    return;
  }
  store
    .prepare(
      `UPDATE deliveries SET record = NULL, provider_key = NULL, record_signature = NULL, header = NULL, header_proof = NULL
       WHERE reply_id = ?`,
    )
    .run(replyId);
}

type DecidingInput = Parameters<typeof computeDecidingEpoch>[0];

/** Tells whether a co-signer would expect a later beacon to decide, by the payer's delivery. */
export function movesDecision({ epoch }: Pick<Delivery, 'epoch'>, epochs: DecidingInput): boolean {
  const { orderEpoch } = epochs;
  return computeDecidingEpoch({ orderEpoch, intakeEpoch: epoch }).epoch > computeDecidingEpoch(epochs).epoch;
}
