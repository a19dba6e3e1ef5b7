import type { Crypto, LedgerSigner } from '@ogong/protocol/crypto/crypto';
import { type Admission, hashAdmission, type SignedAdmission } from '@ogong/protocol/exchange/admission';
import { type HeldDelivery, hashHeld } from '@ogong/protocol/exchange/held-delivery';
import { hashIntake, type IntakeReceipt, type IntakeSignature } from '@ogong/protocol/exchange/intake-receipt';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';

interface Domain {
  readonly ledger: LedgerDomain;
}

/** Signs an admission with a separate key. Default account: the address of that key. */
export function signAdmission(
  crypto: Crypto,
  key: LedgerSigner,
  { ledger, ...said }: Omit<Admission, 'validator'> & Partial<Pick<Admission, 'validator'>> & Domain,
): SignedAdmission {
  const admission = { validator: key.address, ...said };
  const { epoch, timeMs } = admission;
  return { epoch, timeMs, signature: key.signDigest(hashAdmission(crypto, ledger, admission)) };
}

/** Signs in the same way that a delivery is stored. */
export function signHeld(
  crypto: Crypto,
  key: LedgerSigner,
  { ledger, delivery }: Pick<HeldDelivery, 'delivery'> & Domain,
): Uint8Array {
  return key.signDigest(hashHeld(crypto, ledger, { validator: key.address, delivery }));
}

/** Signs an intake in the same way. */
export function signIntake(
  crypto: Crypto,
  key: LedgerSigner,
  { ledger, ...said }: Omit<IntakeReceipt, 'validator'> & Partial<Pick<IntakeReceipt, 'validator'>> & Domain,
): IntakeSignature {
  const intake = { validator: key.address, ...said };
  return { epoch: intake.epoch, signature: key.signDigest(hashIntake(crypto, ledger, intake)) };
}
