import { createHash, createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { encodeSoftwareStatement } from '@ogong/attestation/evidence-statement';
import { utf8Encode } from '@ogong/protocol/base/bytes';
import type { Attester } from './attester.ts';
import { type SoftwareGpu, withGpu } from './gpu-attester.ts';

/** PKCS #8 of an Ed25519 key, before its 32 bytes. */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
const RAW_KEY_BYTES = 32;

export interface SoftwareAttester extends Attester {
  /** Names it in a policy. */
  readonly publicKey: Uint8Array;
  readonly image: Uint8Array;
  /** Names its GPU in a policy, if it has one. */
  readonly gpuKey?: Uint8Array;
}

/**
 * Stands in for hardware in tests and demos, with a root of its own. It proves nothing about a machine: a reader that does not name its key
 * refuses it, and each receipt says so.
 * @param seed 32 bytes. @param program the program that it claims to run. @param device its GPU, which it names in each report. Default:
 * none.
 */
export function createSoftwareAttester(seed: Uint8Array, program: string, device?: SoftwareGpu): SoftwareAttester {
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' });
  const der = createPublicKey(key).export({ format: 'der', type: 'spki' });
  const publicKey = new Uint8Array(der.subarray(der.length - RAW_KEY_BYTES));
  const image = new Uint8Array(createHash('sha256').update(utf8Encode(program)).digest());
  const gpu = device && new Uint8Array(createHash('sha256').update(device.publicKey).digest());
  const cpu: Attester = {
    kind: 'software',
    async attest(reportData) {
      const signature = new Uint8Array(sign(null, encodeSoftwareStatement(reportData, image, gpu), key));
      return { cpu: { kind: 'software', publicKey, reportData, image, signature, ...(gpu && { gpu }) } };
    },
  };
  const { kind, attest } = device === undefined ? cpu : withGpu(cpu, device);
  return { kind, attest, publicKey, image, ...(device && { gpuKey: device.publicKey }) };
}
