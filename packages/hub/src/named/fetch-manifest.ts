import { equalBytes, toHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { beforeEnd } from '../abortable.ts';
import {
  MAX_SIGNED_MANIFEST_BYTES,
  parseSignedManifest,
  type RegistryFacts,
  type SignedManifest,
  verifySignedManifest,
} from '../signed-manifest.ts';
import { TransferError } from '../transfer/transfer-error.ts';
import type { PlaceSource } from './open-place.ts';

/** Entry of the registry about one version of a model. */
export interface ListedVersion {
  readonly maker: string;
  readonly model: string;
  /** Content root of the weights, 32 bytes. */
  readonly modelRoot: Uint8Array;
  /** Sources of this version in the registry. */
  readonly sources: readonly string[];
}

export interface FetchManifestOptions {
  readonly listed: Omit<ListedVersion, 'sources'>;
  /** 32 bytes. */
  readonly manifestHash: Uint8Array;
  readonly facts: RegistryFacts;
  /** They are asked in this order. */
  readonly places: readonly Pick<PlaceSource, 'name' | 'readManifest'>[];
  readonly signal?: AbortSignal | undefined;
  /** Longest wait for one place. Default: 20 seconds, because a manifest is small. */
  readonly timeoutMs?: number | undefined;
}

export interface FetchedManifest extends SignedManifest {
  /** The bytes that were fetched. */
  readonly encoded: Uint8Array;
}

/**
 * Fetches a manifest from the first place that sends the one of the registry with a good signature.
 * @throws TransferError `bad-manifest` if each manifest that came is refused, `no-source` if none came, `cancelled`.
 */
export async function fetchManifest(
  crypto: Crypto,
  { listed, manifestHash, facts, places, signal, timeoutMs = 20_000 }: FetchManifestOptions,
): Promise<FetchedManifest> {
  const hash = toHex(manifestHash);
  const reasons: string[] = [];
  let isRefused = false;
  for (const place of places) {
    if (place.readManifest === undefined) continue;
    const ended = AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(signal ? [signal] : [])]);
    let encoded: Uint8Array;
    try {
      encoded = await beforeEnd(
        place.readManifest(hash, { maxBytes: MAX_SIGNED_MANIFEST_BYTES, signal: ended }),
        ended,
      );
    } catch (error) {
      if (signal?.aborted) throw new TransferError('cancelled', 'the pull was ended', { cause: signal.reason });
      reasons.push(`${place.name}: ${error instanceof Error ? error.message : String(error)}`);
      continue;
    }
    const read = readListed(crypto, encoded, { listed, manifestHash, facts });
    if (typeof read !== 'string') return { ...read, encoded };
    isRefused = true;
    reasons.push(`${place.name}: ${read}`);
  }
  throw isRefused
    ? new TransferError('bad-manifest', `the manifest ${hash} is refused: ${reasons.join('; ')}`)
    : new TransferError('no-source', `no place has the manifest ${hash} (${reasons.join('; ') || 'none was given'})`);
}

/** @returns the manifest, or the reason for refusing it. */
function readListed(
  crypto: Crypto,
  encoded: Uint8Array,
  { listed, manifestHash, facts }: Pick<FetchManifestOptions, 'listed' | 'manifestHash' | 'facts'>,
): SignedManifest | string {
  let signed: SignedManifest;
  try {
    signed = parseSignedManifest(crypto, encoded);
  } catch (error) {
    return (error as Error).message;
  }
  const { maker, model, modelRoot } = signed.manifest;
  if (!equalBytes(signed.manifestHash, manifestHash)) return `it has the hash ${toHex(signed.manifestHash)}`;
  if (maker !== listed.maker || model !== listed.model) return `it is about ${maker}/${model}`;
  if (!equalBytes(modelRoot, listed.modelRoot)) return 'it has another model root than the registry';
  const { ok, checks } = verifySignedManifest(crypto, signed, facts);
  return ok ? signed : (checks.find(({ status }) => status === 'fail')?.detail ?? 'nothing was checked');
}
