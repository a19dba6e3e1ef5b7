import { createRotatingSealKeys, type RotatingSealKeys } from '@ogong/host/crypto/rotating-seal-keys';
import type { Clock } from '@ogong/host/time/clock';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { SealPrimitives } from '@ogong/protocol/crypto/seal-primitives';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import { SEAL_SUITE } from '@ogong/protocol/sealing/seal-context';
import { hashSealKey } from '@ogong/protocol/sealing/seal-key';
import { encodeValidatorSealKey, type SignedValidatorSealKey } from '@ogong/protocol/sealing/validator-seal-key';
import type { ValidatorSigner } from '@ogong/protocol/settlement/validator-statement';

/** Keys to which parts of sealed replies are sealed. The signer may be another process. */
export interface ValidatorSealKeys extends RotatingSealKeys<Promise<SignedValidatorSealKey>> {
  readonly seal: SealPrimitives;
}

export function createValidatorSealKeys({
  signer,
  ledger,
  ...made
}: {
  readonly crypto: Crypto;
  readonly seal: SealPrimitives;
  readonly signer: ValidatorSigner;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly ledger: LedgerDomain;
}): ValidatorSealKeys {
  const { address: validator } = signer;
  const { crypto, seal } = made;

  async function sign(sealKey: Uint8Array): Promise<SignedValidatorSealKey> {
    const named = { validator, sealKey: hashSealKey(crypto, sealKey) };
    return { sealKey, signature: await signer.sign({ kind: 'seal-key', domain: ledger, ...named }) };
  }

  const keys = createRotatingSealKeys({
    ...made,
    describe({ publicKey: key, issuedAtMs, expiresAtMs }) {
      const sealKey = encodeValidatorSealKey({
        ...{ suite: SEAL_SUITE, chainId: ledger.chainId, escrow: ledger.verifyingContract, validator },
        ...{ issuedAtMs, expiresAtMs, key },
      });
      let signed: Promise<SignedValidatorSealKey> | undefined;
      // After a failed signature the signer is asked again.
      const said = () => {
        signed ??= sign(sealKey).catch((error: unknown) => {
          signed = undefined;
          throw error;
        });
        return signed;
      };
      return { sealKey, said };
    },
  });
  return { seal, current: () => keys.current()(), find: keys.find };
}
