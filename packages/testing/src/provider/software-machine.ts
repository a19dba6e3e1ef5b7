import { type MachinePolicy, parsePolicy } from '@ogong/attestation/policy-file';
import { toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { type Attester, AttesterError } from '@ogong/provider/machine/attester';
import { createSoftwareAttester, type SoftwareAttester } from '@ogong/provider/machine/software-attester';

export const TEE_MODEL_ID = 'ogong/tee/test/fake';

/** Believes no machine. */
export const strictPolicy: MachinePolicy = parsePolicy(utf8Encode('{}'));

/** A machine that proves nothing, and the policy that takes it. */
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
