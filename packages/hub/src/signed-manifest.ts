import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import { type Check, check, fail, isOk, pass, skip } from '@ogong/protocol/base/checks';
import { bytes, bytes32, createFormat, struct } from '@ogong/protocol/base/codec';
import type { Crypto, LedgerSigner } from '@ogong/protocol/crypto/crypto';
import { abi, createTypedStruct, hashTyped } from '@ogong/protocol/crypto/typed-data';
import { hashLedgerDomain, type LedgerDomain } from '@ogong/protocol/exchange/order';
import {
  computeManifestRoot,
  type HubManifest,
  MAX_MANIFEST_BYTES,
  manifestFormat,
  parseHubManifest,
} from './manifest.ts';

/** The largest signed manifest: its tag, the length, the manifest and the signature. */
export const MAX_SIGNED_MANIFEST_BYTES = MAX_MANIFEST_BYTES + 128;

const typedManifest = createTypedStruct('HubManifest', { manifest: abi.bytes32 });

const signedCodec = struct({ manifest: bytes32(MAX_MANIFEST_BYTES), signature: bytes(65) });
const signedFormat = createFormat(signedCodec, {
  ...{ tag: 'ogong-hub-signed-v1', maxBytes: MAX_SIGNED_MANIFEST_BYTES },
});

export interface SignedManifest {
  readonly manifest: HubManifest;
  /** SHA-256 of the manifest's bytes, 32 bytes. */
  readonly manifestHash: Uint8Array;
  /** 65 bytes. */
  readonly signature: Uint8Array;
}

/** Computes the digest that the maker signs, 32 bytes. @param registry the chain and the model registry on it. */
export function hashManifestDigest(crypto: Crypto, registry: LedgerDomain, manifestHash: Uint8Array): Uint8Array {
  return hashTyped(crypto, hashLedgerDomain(crypto, registry), typedManifest.hash(crypto, { manifest: manifestHash }));
}

/**
 * Signs a manifest with the key that owns the maker's name in the registry.
 * @returns the signed manifest in bytes.
 * @throws ProtocolError if the manifest breaks a rule.
 */
export function signHubManifest(
  crypto: Crypto,
  { registry, maker }: { readonly registry: LedgerDomain; readonly maker: LedgerSigner },
  manifest: HubManifest,
): Uint8Array {
  const encoded = manifestFormat.encode(manifest);
  const signature = maker.signDigest(hashManifestDigest(crypto, registry, crypto.sha256(encoded)));
  return signedFormat.encode({ manifest: encoded, signature });
}

/** Parses a signed manifest. The signature is not checked here. @throws ProtocolError */
export function parseSignedManifest(crypto: Pick<Crypto, 'sha256'>, encoded: Uint8Array): SignedManifest {
  const { manifest, signature } = signedFormat.decode(encoded);
  return { manifest: parseHubManifest(manifest), manifestHash: crypto.sha256(manifest), signature };
}

/** Facts of the model registry about the names of a manifest. */
export interface RegistryFacts {
  readonly registry: LedgerDomain;
  /** The address that owns the maker's name, 20 bytes; undefined for a free name. */
  readonly owner: Uint8Array | undefined;
  /** Roots of all versions that the registry has under maker and model. Absent if the reader did not look them up. */
  readonly publishedRoots?: readonly Uint8Array[] | undefined;
}

/** A verdict about a signed manifest. */
export interface ManifestVerdict {
  readonly ok: boolean;
  readonly checks: readonly Check[];
}

/** Checks the maker's signature, the model root, and the registry's entry. Everybody with the same facts gets the same verdict. */
export function verifySignedManifest(
  crypto: Crypto,
  { manifest, manifestHash, signature }: SignedManifest,
  { registry, owner, publishedRoots }: RegistryFacts,
): ManifestVerdict {
  const { maker, model, modelRoot } = manifest;
  const digest = hashManifestDigest(crypto, registry, manifestHash);
  const isOwned = owner?.some((byte) => byte !== 0) === true;
  const computed = computeManifestRoot(crypto, manifest);
  const isPublished = publishedRoots?.some((root) => equalBytes(root, modelRoot));
  const checks = [
    !isOwned || owner === undefined
      ? fail('signature', `nobody owns the name ${maker}`)
      : check('signature', crypto.verifyAddress(digest, signature, owner), [
          `the owner of ${maker} signed it`,
          `the owner of ${maker}, 0x${toHex(owner)}, did not sign it`,
        ]),
    check('model-root', equalBytes(computed, modelRoot), [
      'the files give the model root',
      `the files give the model root ${toHex(computed)}, the manifest names ${toHex(modelRoot)}`,
    ]),
    isPublished === undefined
      ? skip('registry', 'the registry was not asked for versions')
      : isPublished
        ? pass('registry', `the registry has this root under ${maker}/${model}`)
        : fail('registry', `the registry has no version of ${maker}/${model} with this root`),
  ];
  return { ok: isOk(checks), checks };
}
