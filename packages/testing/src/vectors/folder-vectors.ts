import { toHex } from '@ogong/protocol/base/bytes';
import { computeFolderRoot } from '@ogong/protocol/commitment/folder-root';
import type { Crypto } from '@ogong/protocol/crypto/crypto';

const PATHS = ['model_index.json', 'unet/model.onnx', 'unet/model.onnx_data', 'scheduler/scheduler_config.json'];

/** Creates roots of model folders. File i of a folder has the SHA-256 of 32 times byte i. */
export function createFolderVectors(crypto: Crypto) {
  return [1, 2, PATHS.length].map((count) => {
    const files = PATHS.slice(0, count).map((path, i) => ({ path, sha256: new Uint8Array(32).fill(i) }));
    return {
      files: files.map(({ path, sha256 }) => ({ path, sha256: toHex(sha256) })),
      root: toHex(computeFolderRoot(crypto, files)),
    };
  });
}
