import { equalBytes, ProtocolError } from '../base/bytes.ts';
import {
  address,
  bytes,
  type CodecType,
  createFormat,
  hash,
  refine,
  safeInteger,
  struct,
  u8,
  u64,
} from '../base/codec.ts';
import type { Crypto, HybridSigner } from '../crypto/crypto.ts';
import { hashHybridKey, verifyHybrid } from '../crypto/hybrid.ts';
import { KEM_KEY_BYTES } from '../crypto/seal-primitives.ts';
import { CLOCK_TOLERANCE_MS, SEAL_KEY_LIFETIME_MS } from '../exchange/limits.ts';
import type { LedgerDomain } from '../exchange/order.ts';
import { SEAL_SUITE } from './seal-context.ts';
import { SealError } from './seal-error.ts';

const sealKeyCodec = struct({
  suite: u8,
  chainId: u64,
  escrow: address,
  providerId: hash,
  /** Grows with every key. */
  sequence: u64,
  issuedAtMs: safeInteger,
  expiresAtMs: safeInteger,
  /** X-Wing. */
  key: bytes(KEM_KEY_BYTES),
});

/** A provider's statement about the key for sealed requests (docs/spec/sealing.md#keys). */
export interface SealKey extends CodecType<typeof sealKeyCodec> {}

const sealKeyFormat = createFormat<SealKey>(refine<SealKey>(sealKeyCodec, assertSealKey), { tag: 'ogong-seal-key-v1' });

export const encodeSealKey: (key: SealKey) => Uint8Array = sealKeyFormat.encode;

function assertSealKey({ suite, issuedAtMs, expiresAtMs }: SealKey): void {
  if (suite !== SEAL_SUITE) throw new ProtocolError('unsupported', `seal suite ${suite}`);
  if (expiresAtMs <= issuedAtMs || expiresAtMs - issuedAtMs > SEAL_KEY_LIFETIME_MS) {
    throw new ProtocolError('out-of-range', `lifetime of ${expiresAtMs - issuedAtMs} ms`);
  }
}

export interface SignedSealKey {
  /** The exact bytes that were signed. */
  readonly sealKey: Uint8Array;
  /** Hybrid public key, 1,344 bytes. */
  readonly providerKey: Uint8Array;
  readonly signature: Uint8Array;
}

export function signSealKey(signer: HybridSigner, key: SealKey): SignedSealKey {
  const sealKey = encodeSealKey(key);
  return { sealKey, providerKey: signer.publicKey, signature: signer.sign(sealKey) };
}

/** Computes the name of a seal key: the hash of the bytes that its provider signed. */
export const hashSealKey = (crypto: Pick<Crypto, 'sha256'>, sealKey: Uint8Array): Uint8Array => crypto.sha256(sealKey);

/** A seal key that is valid now. */
export interface CheckedSealKey extends SealKey {
  readonly hash: Uint8Array;
}

/**
 * Verifies a provider's seal key: signed by it, for these contracts, and valid now.
 * @throws SealError
 */
export function verifySealKey(
  crypto: Crypto,
  signed: SignedSealKey,
  {
    ledger,
    providerId,
    nowMs,
  }: { readonly ledger: LedgerDomain; readonly providerId: Uint8Array; readonly nowMs: number },
): CheckedSealKey {
  const key = parse(signed.sealKey);
  const { providerKey: publicKey, signature } = signed;
  const demand = (holds: boolean, what: string): void => {
    if (!holds) throw new SealError('malformed', `the seal key does not hold: ${what}`);
  };
  const isHere = key.chainId === ledger.chainId && equalBytes(key.escrow, ledger.verifyingContract);
  demand(isHere, 'it is for other contracts');
  demand(equalBytes(key.providerId, providerId), "it is another provider's");
  demand(equalBytes(hashHybridKey(crypto, publicKey), providerId), 'it is signed by another key');
  demand(key.issuedAtMs <= nowMs + CLOCK_TOLERANCE_MS, 'it is of the future');
  demand(key.expiresAtMs > nowMs, 'it has expired');
  demand(verifyHybrid(crypto, { publicKey, message: signed.sealKey, signature }), 'its signature');
  return { ...key, hash: hashSealKey(crypto, signed.sealKey) };
}

function parse(bytes: Uint8Array): SealKey {
  try {
    return sealKeyFormat.decode(bytes);
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    throw new SealError('malformed', `the seal key: ${cause.message}`, { cause });
  }
}
