import type { Crypto, LedgerSigner } from '@ogong/protocol/crypto/crypto';
import { hashAdmission } from '@ogong/protocol/exchange/admission';
import { encodeOrder, hashOrder, type LedgerDomain, type Order } from '@ogong/protocol/exchange/order';
import type { OrderAdmission } from '@ogong/protocol/exchange/over-admission';

export interface AdmissionInput {
  readonly ledger: LedgerDomain;
  readonly payer: LedgerSigner;
  /** Account of the validator. Default: the address of its signing key. */
  readonly validator?: Uint8Array;
  readonly signer: LedgerSigner;
  /** Tells orders apart. */
  readonly number: number;
  readonly maxFeeAtomic: bigint;
  readonly admittedAtMs: bigint;
  readonly expiresAtMs: bigint;
}

const fill = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);

/** An order that its payer has signed, and the signed admission of its validator. */
export function createOrderAdmission(crypto: Crypto, input: AdmissionInput): OrderAdmission {
  const { ledger, payer, signer, validator = signer.address, maxFeeAtomic, admittedAtMs: timeMs, expiresAtMs } = input;
  const nonce = fill(32, 0);
  new DataView(nonce.buffer).setUint32(0, input.number);
  const order: Order = {
    ...{ payer: payer.address, validator, cumulativeAtomic: 10n ** 20n, requestHash: fill(32, 1), nonce },
    ...{ modelRoot: fill(32, 2), providerId: fill(32, 3), payee: fill(20, 4), router: fill(20, 0), choice: 0 },
    ...{ contextSize: 4_096, maxFeeAtomic, pricePer1kAtomic: 1_000n, epoch: 7n, expiresAtMs },
  };
  const orderHash = hashOrder(crypto, ledger, order);
  const said = { epoch: 7n, timeMs };
  const admission = signer.signDigest(hashAdmission(crypto, ledger, { validator, orderHash, ...said }));
  return {
    order: encodeOrder(order),
    signature: payer.signDigest(orderHash),
    admission: { ...said, signature: admission },
  };
}
