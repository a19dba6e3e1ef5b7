import { type MachinePolicy, parsePolicy } from '@ogong/attestation/policy-file';
import { type Attester, AttesterError } from '@ogong/host/attester/attester';
import { createSoftwareAttester, type SoftwareAttester } from '@ogong/host/attester/software-attester';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import type { HybridSigner } from '@ogong/protocol/crypto/crypto';
import { HYBRID_SIGNATURE_BYTES } from '@ogong/protocol/crypto/hybrid';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import type { SignedSealKey } from '@ogong/protocol/sealing/seal-key';
import { type AttestedMachine, createAttestedMachine } from '@ogong/provider/machine/attested-machine';

export const TEE_MODEL_ID = 'ogong/tee/test/fake';

/** A policy that accepts no machine. */
export const strictPolicy: MachinePolicy = parsePolicy(utf8Encode('{}'));

/** A machine that proves nothing, and the policy that accepts it. */
export const softwareMachine: SoftwareAttester = createSoftwareAttester(new Uint8Array(32).fill(0x7e), 'a program');

export const softwarePolicy: MachinePolicy = {
  ...strictPolicy,
  images: [toHex(softwareMachine.image)],
  softwareKeys: [toHex(softwareMachine.publicKey)],
};

/** A machine whose agent does not answer. */
export const silentAttest: Attester['attest'] = async () => {
  throw new AttesterError('unreachable', 'no agent');
};

const UNUSED: SignedSealKey = {
  sealKey: utf8Encode('a seal key'),
  providerKey: new Uint8Array(32),
  signature: new Uint8Array(32),
};

/**
 * The machine of a provider.
 * @param provider its key, if it attests replies
 * @param getSealKey default: a key that nobody uses
 */
export const createSoftwareMachine = (
  ledger: LedgerDomain,
  providerId: Uint8Array,
  {
    provider,
    attester = softwareMachine,
    getSealKey = () => UNUSED,
  }: {
    readonly provider?: HybridSigner;
    readonly attester?: Attester;
    readonly getSealKey?: () => SignedSealKey;
  } = {},
): AttestedMachine =>
  createAttestedMachine({
    vouch: (message) => provider?.sign(message) ?? new Uint8Array(HYBRID_SIGNATURE_BYTES),
    ...{ crypto, attester, ledger, providerId },
    getSealKey,
  });
