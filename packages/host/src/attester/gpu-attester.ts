import { execFile } from 'node:child_process';
import { createPrivateKey, createPublicKey, sign } from 'node:crypto';
import type { MachineEvidence } from '@ogong/attestation/evidence';
import { parseGpuEvidence } from '@ogong/attestation/evidence-file';
import { computeGpuNonce, encodeSoftwareGpuStatement } from '@ogong/attestation/evidence-statement';
import { toHex } from '@ogong/protocol/base/bytes';
import { type Attester, AttesterError } from './attester.ts';

export type GpuEvidence = NonNullable<MachineEvidence['gpu']>;

/** An attester that produces evidence about a GPU. */
export interface GpuAttester {
  /** @param nonce 32 bytes that the GPU has to answer. @throws AttesterError */
  attest(nonce: Uint8Array): Promise<GpuEvidence>;
}

/** Returns evidence of the CPU, and of a GPU that answered a nonce derived from it. */
export function withGpu(attester: Attester, gpu: GpuAttester): Attester {
  return {
    kind: attester.kind,
    async attest(reportData) {
      const evidence = await attester.attest(reportData);
      return { ...evidence, gpu: await gpu.attest(await computeGpuNonce(reportData)) };
    },
  };
}

const TIMEOUT_MS = 30_000;
const MAX_ANSWER_BYTES = 1 << 20;

/**
 * A program on this machine that asks NVIDIA's driver. Its one argument is the nonce in hex; it prints `gpu` of
 * docs/spec/machine-evidence.md as JSON.
 */
export const createCommandGpu = (program: string, timeoutMs = TIMEOUT_MS): GpuAttester => ({
  attest: (nonce) =>
    new Promise((resolve, reject) => {
      const options = { timeout: timeoutMs, maxBuffer: MAX_ANSWER_BYTES, encoding: 'buffer' } as const;
      execFile(program, [toHex(nonce)], options, (cause, stdout) => {
        if (cause !== null) {
          reject(
            new AttesterError('unreachable', `${program} shows no GPU: ${cause.message.slice(0, 256)}`, { cause }),
          );
          return;
        }
        try {
          resolve(parseGpuEvidence(new Uint8Array(stdout)));
        } catch (error) {
          const why = (error as Error).message;
          reject(
            new AttesterError('malformed', `the output of ${program} is no evidence of a GPU: ${why}`, {
              cause: error,
            }),
          );
        }
      });
    }),
});

/** PKCS #8 of an Ed25519 key, before its 32 bytes. */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');
const RAW_KEY_BYTES = 32;

export interface SoftwareGpu extends GpuAttester {
  /** Names it in a policy, and to the CPU that measures it. */
  readonly publicKey: Uint8Array;
}

/** Stands in for a GPU beside an attester in software. Like that attester, it proves nothing about hardware. @param seed 32 bytes */
export function createSoftwareGpu(seed: Uint8Array): SoftwareGpu {
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' });
  const der = createPublicKey(key).export({ format: 'der', type: 'spki' });
  const publicKey = new Uint8Array(der.subarray(der.length - RAW_KEY_BYTES));
  return {
    publicKey,
    async attest(nonce) {
      const signature = new Uint8Array(sign(null, encodeSoftwareGpuStatement(nonce), key));
      return { kind: 'software', publicKey, nonce, signature };
    },
  };
}
