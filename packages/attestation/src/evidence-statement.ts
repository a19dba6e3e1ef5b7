import { concatBytes, utf8Encode } from '@ogong/protocol/base/bytes';
import { digest } from './byte-reader.ts';

const SOFTWARE_TAG = 'ogong-software-attester-v1\n';
const SOFTWARE_WITH_GPU_TAG = 'ogong-software-attester-v2\n';
const SOFTWARE_GPU_TAG = 'ogong-software-gpu-v1\n';

/**
 * Encodes the statement that an attester in software signs. It proves nothing about hardware: it stands in for one in tests and in the demo.
 * @param gpu SHA-256 of the key of its GPU, where it has one.
 */
export const encodeSoftwareStatement = (reportData: Uint8Array, image: Uint8Array, gpu?: Uint8Array): Uint8Array =>
  gpu === undefined
    ? concatBytes(utf8Encode(SOFTWARE_TAG), reportData, image)
    : concatBytes(utf8Encode(SOFTWARE_WITH_GPU_TAG), reportData, image, gpu);

/** Encodes the statement that a GPU in software signs. @param nonce 32 bytes */
export const encodeSoftwareGpuStatement = (nonce: Uint8Array): Uint8Array =>
  concatBytes(utf8Encode(SOFTWARE_GPU_TAG), nonce);

const GPU_NONCE_TAG = 'ogong-gpu-nonce-v1\n';

/** Computes the nonce that a GPU has to answer. It follows from the CPU's report data, so both answered one question. */
export const computeGpuNonce = (reportData: Uint8Array): Promise<Uint8Array> =>
  digest('SHA-256', utf8Encode(GPU_NONCE_TAG), reportData);
