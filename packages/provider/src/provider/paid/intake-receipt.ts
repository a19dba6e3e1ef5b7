import { hashRecord } from '@ogong/protocol/commitment/record';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { QuorumMember } from '@ogong/protocol/crypto/quorum';
import { type IntakeSignature, type SignedIntake, verifyIntake } from '@ogong/protocol/exchange/intake-receipt';
import { hashOrder, type LedgerDomain, parseOrder } from '@ogong/protocol/exchange/order';
import type { PushRecordRequest } from '@ogong/protocol/generated/ogong/v1/ogong_pb';

const NOTHING = new Uint8Array();

/** The validator's receipt of a record; undefined if it did not sign for this very record: then it may deny the reply. */
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
  { order, record }: Pick<PushRecordRequest, 'order' | 'record'>,
  { epoch, signature }: IntakeSignature,
): SignedIntake | undefined {
  const orderHash = hashOrder(crypto, ledger, parseOrder(order?.order ?? NOTHING));
  const recordHash = hashRecord(crypto, record?.record ?? NOTHING);
  const receipt = { validator: validator.address, orderHash, recordHash, epoch, signature };
  return verifyIntake(crypto, { ledger, signingKey: validator.signingKey }, receipt) ? receipt : undefined;
}
