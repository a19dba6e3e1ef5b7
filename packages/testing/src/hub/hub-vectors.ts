import { BLOCK_BYTES } from '@ogong/hub/block-size';
import { computeBlockRoot, encodeBlockList, hashBlock } from '@ogong/hub/blocks';
import { findLicenceProblem, RELATIONS } from '@ogong/hub/licence';
import { type HubManifest, manifestFormat } from '@ogong/hub/manifest';
import { hashManifestDigest, signHubManifest } from '@ogong/hub/signed-manifest';
import { toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { createNobleLedgerSigner } from '@ogong/protocol/crypto/noble';
import { createTestManifest } from './hub-manifest.ts';

/** Byte i of each file is (31 i + floor(i / 256)) mod 256. */
const fill = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i * 31 + (i >>> 8)) & 255);

function describeBlocks(sizeBytes: number) {
  const file = fill(sizeBytes);
  const count = Math.ceil(sizeBytes / BLOCK_BYTES);
  const hashes = Array.from({ length: count }, (_, i) =>
    hashBlock(file.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES)),
  );
  return { sizeBytes, list: toHex(encodeBlockList(hashes)), blockRoot: toHex(computeBlockRoot(hashes)) };
}

/** Pairs of licences: of the other model, and of the one that was made from it. */
const LICENCES = [
  ['MIT', 'Apache-2.0'],
  ['CC-BY-NC-4.0', 'CC-BY-4.0'],
  ['CC-BY-NC-4.0', 'CC-BY-NC-SA-4.0'],
  ['CC-BY-SA-3.0', 'CC-BY-SA-4.0'],
  ['CC-BY-SA-4.0', 'CC-BY-SA-3.0'],
  ['cc-by-sa-4.0', 'MIT'],
  ['CC-BY-ND-4.0', 'CC-BY-ND-4.0'],
  ['CC-BY-ND-3.0', 'CC-BY-ND-4.0'],
  ['ODbL-1.0', 'ODbL-1.0'],
  ['CC-BY-SA-1.0', 'CC-BY-SA-2.0'],
  ['CC-BY-SA-3.0-DE', 'CC-BY-SA-4.0 AND MIT'],
  ['GPL-3.0-only', 'GPL-3.0-or-later'],
  ['GPL-2.0-or-later', 'GPL-3.0-only'],
  ['MIT OR GPL-3.0-only', 'MIT'],
  ['MIT AND GPL-3.0-only', 'MIT'],
  ['GPL-3.0-only', 'GPL-3.0-only OR MIT'],
  ['GPL-3.0-only', '(MIT OR Apache-2.0) AND GPL-3.0-only'],
] as const;

/** Creates manifests, signed ones, lists of blocks, and licences of derivatives. */
export function createHubVectors(crypto: Crypto) {
  const maker = createNobleLedgerSigner(new Uint8Array(32).fill(3));
  const registry = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(8) };
  const plain = createTestManifest(crypto);
  const folder: HubManifest = createTestManifest(crypto, {
    ...{
      version: { major: 2, minor: 0, patch: 0 },
      notes: '',
      licence: 'LicenseRef-acme',
      rootRule: 'folder',
      lineage: [],
    },
  });
  const evaluated = createTestManifest(crypto, { evaluations: [1, 2].map((value) => new Uint8Array(32).fill(value)) });
  const describe = (manifest: HubManifest) => {
    const encoded = manifestFormat.encode(manifest);
    const hash = crypto.sha256(encoded);
    return {
      manifest: toHex(encoded),
      hash: toHex(hash),
      digest: toHex(hashManifestDigest(crypto, registry, hash)),
      signed: toHex(signHubManifest(crypto, { registry, maker }, manifest)),
    };
  };
  return {
    registry: { chainId: Number(registry.chainId), contract: toHex(registry.verifyingContract) },
    owner: toHex(maker.address),
    manifests: [plain, folder, evaluated].map(describe),
    refused: [
      toHex(utf8Encode('ogong-hub-manifest-v2\n')),
      `${toHex(manifestFormat.encode(plain))}00`,
      // Evaluations out of order.
      toHex(manifestFormat.encode(evaluated)).replace(/(.{64})(.{64})$/, '$2$1'),
    ],
    blocks: [1, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES + 7].map(describeBlocks),
    licences: LICENCES.map(([origin, licence]) => ({
      ...{ origin, licence },
      allowed: RELATIONS.filter((relation) => findLicenceProblem({ licence, relation }, origin) === undefined),
    })),
  };
}
