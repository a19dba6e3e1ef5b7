import { createHash, createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { encodeSoftwareStatement } from '@ogong/attestation/evidence';
import { utf8Encode } from '@ogong/protocol/base/bytes';
import type { Attester } from './attester.ts';

/** PKCS #8 of an Ed25519 key, before its 32 bytes. */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
const RAW_KEY_BYTES = 32;

export interface SoftwareAttester extends Attester {
  /** Names it in a policy. */
  readonly publicKey: Uint8Array;
  readonly image: Uint8Array;
}

/**
 * Stands in for hardware in tests and demos, with a root of its own. It proves nothing about a machine: every reader who does not name its key
 * refuses it, and each receipt says so.
 * @param seed 32 bytes. @param program what it says to run.
 */
export function createSoftwareAttester(seed: Uint8Array, program: string): SoftwareAttester {
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' });
  const der = createPublicKey(key).export({ format: 'der', type: 'spki' });
  const publicKey = new Uint8Array(der.subarray(der.length - RAW_KEY_BYTES));
  const image = new Uint8Array(createHash('sha256').update(utf8Encode(program)).digest());
  return {
    kind: 'software',
    publicKey,
    image,
    async attest(reportData) {
      const signature = new Uint8Array(sign(null, encodeSoftwareStatement(reportData, image), key));
      return { cpu: { kind: 'software', publicKey, reportData, image, signature } };
    },
  };
}
