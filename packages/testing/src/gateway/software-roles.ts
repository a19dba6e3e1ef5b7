import { createAttestedRole } from '@ogong/host/attester/attested-role';
import type { Attester } from '@ogong/host/attester/attester';
import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import type { RoleKeys } from '@ogong/protocol/tier/attested-role';
import { softwareMachine } from '../provider/software-machine.ts';

/** Evidence of a software machine for a role with these keys. @param bend changes the claimed keys. */
export const showSoftwareRole =
  (bend: (keys: RoleKeys, nonce: Uint8Array) => Partial<RoleKeys> = () => ({}), attester: Attester = softwareMachine) =>
  async (keys: RoleKeys, nonce: Uint8Array): Promise<{ nodeId: Uint8Array; evidence: Uint8Array }> => {
    const vouched = { ...keys, ...bend(keys, nonce) };
    const machine = createAttestedRole(vouched, { crypto, attester });
    return { nodeId: keys.nodeId, evidence: await machine.show(nonce) };
  };
