import type { HubManifest } from '@ogong/hub/manifest';
import { utf8Encode } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';

/** Creates a manifest of a model with one file of weights and two side files. Hashes of the files are SHA-256 of their paths. */
export function createTestManifest(crypto: Pick<Crypto, 'sha256'>, changes: Partial<HubManifest> = {}): HubManifest {
  const describe = (path: string) => {
    const sha256 = crypto.sha256(utf8Encode(path));
    return { path, sha256, blockRoot: crypto.sha256(sha256) };
  };
  const weights = {
    ...describe('small-q8_0.gguf'),
    sizeBytes: 3 * 2 ** 20 + 7,
    format: 'gguf',
    isWeight: true,
  } as const;
  return {
    ...{ maker: 'acme', model: 'small', version: { major: 1, minor: 2, patch: 0 } },
    notes: 'Eight bits.\n',
    modelRoot: crypto.sha256(weights.sha256),
    rootRule: 'shards',
    files: [
      { ...describe('LICENSE'), sizeBytes: 11_000, format: 'text', isWeight: false },
      { ...describe('config.json'), sizeBytes: 700, format: 'json', isWeight: false },
      weights,
    ],
    licence: 'Apache-2.0',
    lineage: [
      { modelRoot: crypto.sha256(utf8Encode('original')), relation: 'quantised-from', licence: 'MIT OR Apache-2.0' },
    ],
    evaluations: [],
    ...changes,
  };
}
