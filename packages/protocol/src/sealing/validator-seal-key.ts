import { equalBytes, ProtocolError } from '../base/bytes.ts';
import { address, bytes, type CodecType, createFormat, refine, safeInteger, struct, u8, u64 } from '../base/codec.ts';
import type { Crypto } from '../crypto/crypto.ts';
import { KEM_KEY_BYTES } from '../crypto/seal-primitives.ts';
import { abi, createTypedStruct, hashTyped } from '../crypto/typed-data.ts';
import { CLOCK_TOLERANCE_MS, SEAL_KEY_LIFETIME_MS } from '../exchange/limits.ts';
import { hashLedgerDomain, type LedgerDomain } from '../exchange/order.ts';
import { SEAL_SUITE } from './seal-context.ts';
import { SealError } from './seal-error.ts';
import { hashSealKey } from './seal-key.ts';

const keyCodec = struct({
  suite: u8,
  chainId: u64,
  escrow: address,
  validator: address,
  issuedAtMs: safeInteger,
  expiresAtMs: safeInteger,
  /** X-Wing. */
  key: bytes(KEM_KEY_BYTES),
});

/** A validator's statement about the key for sealed parts of replies (docs/spec/sealing.md#parts). */
export interface ValidatorSealKey extends CodecType<typeof keyCodec> {}

const keyFormat = createFormat<ValidatorSealKey>(refine<ValidatorSealKey>(keyCodec, assertKey), {
  tag: 'ogong-validator-seal-key-v1',
});

export const encodeValidatorSealKey: (key: ValidatorSealKey) => Uint8Array = keyFormat.encode;

function assertKey({ suite, issuedAtMs, expiresAtMs }: ValidatorSealKey): void {
  if (suite !== SEAL_SUITE) throw new ProtocolError('unsupported', `seal suite ${suite}`);
  if (expiresAtMs <= issuedAtMs || expiresAtMs - issuedAtMs > SEAL_KEY_LIFETIME_MS) {
    throw new ProtocolError('out-of-range', `lifetime of ${expiresAtMs - issuedAtMs} ms`);
  }
}

const typedKey = createTypedStruct('ValidatorSealKey', {
  validator: abi.address,
  /** SHA-256 of the encoded key. */
  sealKey: abi.bytes32,
});

/** Computes the 32-byte digest that the validator signs. @param named.sealKey hashSealKey of the encoded key. */
export function hashValidatorSealKey(
  crypto: Crypto,
  ledger: LedgerDomain,
  named: { readonly validator: Uint8Array; readonly sealKey: Uint8Array },
): Uint8Array {
  return hashTyped(crypto, hashLedgerDomain(crypto, ledger), typedKey.hash(crypto, named));
}

export interface SignedValidatorSealKey {
  /** The exact bytes whose hash was signed. */
  readonly sealKey: Uint8Array;
  /** 65 bytes, by the validator's signing key. */
  readonly signature: Uint8Array;
}

/** A validator's seal key that is valid now. */
export interface CheckedValidatorSealKey extends ValidatorSealKey {
  readonly hash: Uint8Array;
}

/**
 * Verifies a validator's seal key: signed by it, for these contracts, and valid now.
 * @param expected.signingKey address of the key that signs for the validator.
 * @throws SealError
 */
export function verifyValidatorSealKey(
  crypto: Crypto,
  { sealKey, signature }: SignedValidatorSealKey,
  {
    ledger,
    validator,
    signingKey,
    nowMs,
  }: {
    readonly ledger: LedgerDomain;
    readonly validator: Uint8Array;
    readonly signingKey: Uint8Array;
    readonly nowMs: number;
  },
): CheckedValidatorSealKey {
  const key = parse(sealKey);
  const demand = (holds: boolean, what: string): void => {
    if (!holds) throw new SealError('malformed', `the validator's seal key does not hold: ${what}`);
  };
  const isHere = key.chainId === ledger.chainId && equalBytes(key.escrow, ledger.verifyingContract);
  demand(isHere, 'it is for other contracts');
  demand(equalBytes(key.validator, validator), "it is another validator's");
  demand(key.issuedAtMs <= nowMs + CLOCK_TOLERANCE_MS, 'it is of the future');
  demand(key.expiresAtMs > nowMs, 'it has expired');
  const hash = hashSealKey(crypto, sealKey);
  const digest = hashValidatorSealKey(crypto, ledger, { validator, sealKey: hash });
  demand(crypto.verifyAddress(digest, signature, signingKey), 'its signature');
  return { ...key, hash };
}

function parse(sealKey: Uint8Array): ValidatorSealKey {
  try {
    return keyFormat.decode(sealKey);
  } catch (cause) {
    if (!(cause instanceof ProtocolError)) throw cause;
    throw new SealError('malformed', `the validator's seal key: ${cause.message}`, { cause });
  }
}
