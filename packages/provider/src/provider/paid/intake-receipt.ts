import { hashRecord } from '@ogong/protocol/commitment/record';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import { hashEnd } from '@ogong/protocol/exchange/ending/order-end';
import { type IntakeSignature, type SignedIntake, verifyIntake } from '@ogong/protocol/exchange/intake-receipt';
import { hashOrder, type LedgerDomain, parseOrder } from '@ogong/protocol/exchange/order';
import type { PushRecordRequest } from '@ogong/protocol/generated/ogong/v1/ogong_pb';

const NOTHING = new Uint8Array();

/** Computes the hash by which a receipt names a handed-in record, or the end in its place. */
export const hashHanded = (crypto: Crypto, { record, end }: Pick<PushRecordRequest, 'record' | 'end'>): Uint8Array =>
  end === undefined ? hashRecord(crypto, record?.record ?? NOTHING) : hashEnd(crypto, end);

/**
 * The validator's receipt of a record, or of an end. Undefined if it did not sign for these very bytes: then it may deny the reply.
 */
export function readReceipt(
  {
    crypto,
    ledger,
    validator,
  }: {
    readonly crypto: Crypto;
    readonly ledger: LedgerDomain;
    readonly validator: Pick<QuorumMember, 'address' | 'signingKey'>;
  },
  handed: Pick<PushRecordRequest, 'order' | 'record' | 'end'>,
  { epoch, signature }: IntakeSignature,
): SignedIntake | undefined {
  const orderHash = hashOrder(crypto, ledger, parseOrder(handed.order?.order ?? NOTHING));
  const recordHash = hashHanded(crypto, handed);
  const receipt = { validator: validator.address, orderHash, recordHash, epoch, signature };
  return verifyIntake(crypto, { ledger, signingKey: validator.signingKey }, receipt) ? receipt : undefined;
}
