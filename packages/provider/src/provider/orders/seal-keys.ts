import { createRotatingSealKeys, type RotatingSealKeys } from '@ogong/host/crypto/rotating-seal-keys';
import type { Clock } from '@ogong/host/time/clock';
import type { Crypto, HybridSigner } from '@ogong/protocol/crypto/crypto';
import type { SealPrimitives } from '@ogong/protocol/crypto/seal-primitives';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import { SEAL_SUITE } from '@ogong/protocol/sealing/seal-context';
import { type SignedSealKey, signSealKey } from '@ogong/protocol/sealing/seal-key';

/** Keys that requests are sealed to. */
export interface SealKeys extends RotatingSealKeys<SignedSealKey> {}

export function createSealKeys({
  signer,
  ledger,
  providerId,
  ...made
}: {
  readonly crypto: Crypto;
  readonly seal: SealPrimitives;
  readonly signer: HybridSigner;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly ledger: LedgerDomain;
  readonly providerId: Uint8Array;
}): SealKeys {
  return createRotatingSealKeys({
    ...made,
    describe({ publicKey: key, issuedAtMs, expiresAtMs }) {
      const said = signSealKey(signer, {
        ...{ suite: SEAL_SUITE, chainId: ledger.chainId, escrow: ledger.verifyingContract, providerId },
        // Grows from one start of this process to the next, too.
        ...{ sequence: BigInt(issuedAtMs), issuedAtMs, expiresAtMs, key },
      });
      return { sealKey: said.sealKey, said };
    },
  });
}
