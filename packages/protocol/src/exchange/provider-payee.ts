import { ProtocolError, toHex } from '../base/bytes.ts';
import { bytes, type CodecType, createFormat, safeInteger, struct } from '../base/codec.ts';
import type { Crypto, LedgerSigner } from '../crypto/crypto.ts';
import { abi, createTypedStruct, hashTyped, named } from '../crypto/typed-data.ts';
import { hashLedgerDomain, type LedgerDomain } from './order.ts';

/**
 * A payee's signed statement that a provider's key serves for it, for a time (docs/spec/announcement.md). Without it anybody
 * could announce a large stake as its own. An attacker could also pile up bad work under a payee that never agreed.
 */
const providerPayee = createTypedStruct('ProviderPayee', {
  providerId: abi.bytes32,
  validUntilMs: named('validUntil', abi.uint64),
});

const wordCodec = struct({ validUntilMs: safeInteger, signature: bytes(65) });
const wordFormat = createFormat<CodecType<typeof wordCodec>>(wordCodec, {});

/** Size of the encoded statement: the time, and the signature. */
export const PAYEE_STATEMENT_BYTES = 73;

export interface PayeeGrant {
  /** 32 bytes. */
  readonly providerId: Uint8Array;
  /** Unix time. */
  readonly validUntilMs: number;
}

/** The 32-byte digest that the payee signs. */
export function hashProviderPayee(
  crypto: Crypto,
  domain: LedgerDomain,
  { providerId, validUntilMs }: PayeeGrant,
): Uint8Array {
  const fields = { providerId, validUntilMs: BigInt(validUntilMs) };
  return hashTyped(crypto, hashLedgerDomain(crypto, domain), providerPayee.hash(crypto, fields));
}

/** Signs a statement. @returns PAYEE_STATEMENT_BYTES bytes. */
export function signProviderPayee(
  crypto: Crypto,
  payee: LedgerSigner,
  { ledger, ...grant }: PayeeGrant & { readonly ledger: LedgerDomain },
): Uint8Array {
  return encodePayeeStatement(grant, payee.signDigest(hashProviderPayee(crypto, ledger, grant)));
}

/** Encodes a statement. @param signature 65 bytes, over the digest of the grant. @returns PAYEE_STATEMENT_BYTES bytes. */
export const encodePayeeStatement = (
  { validUntilMs }: Pick<PayeeGrant, 'validUntilMs'>,
  signature: Uint8Array,
): Uint8Array => wordFormat.encode({ validUntilMs, signature });

/** Describes the signed data as wallets show it and `eth_signTypedData_v4` takes it: every value as text. */
export function describeProviderPayee(
  { chainId, verifyingContract }: LedgerDomain,
  { providerId, validUntilMs }: PayeeGrant,
) {
  return {
    domain: { name: 'OGONG', version: '1', chainId: `${chainId}`, verifyingContract: `0x${toHex(verifyingContract)}` },
    types: {
      EIP712Domain: [
        { name: 'name', type: 'string' },
        { name: 'version', type: 'string' },
        { name: 'chainId', type: 'uint256' },
        { name: 'verifyingContract', type: 'address' },
      ],
      ProviderPayee: [
        { name: 'providerId', type: 'bytes32' },
        { name: 'validUntil', type: 'uint64' },
      ],
    },
    primaryType: 'ProviderPayee',
    message: { providerId: `0x${toHex(providerId)}`, validUntil: `${validUntilMs}` },
  } as const;
}

/** Parses a statement without checking its signature; undefined if the bytes are invalid. */
export function readPayeeStatement(payeeWord: Uint8Array): { validUntilMs: number; signature: Uint8Array } | undefined {
  try {
    return wordFormat.decode(payeeWord);
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

/**
 * Verifies that the payee signed for this provider's key, until at least `untilMs`. The zero address is never accepted.
 * @param untilMs Unix time at which the statement must still be valid.
 */
export function verifyProviderPayee(
  crypto: Crypto,
  domain: LedgerDomain,
  {
    providerId,
    payee,
    payeeWord,
    untilMs,
  }: {
    readonly providerId: Uint8Array;
    readonly payee: Uint8Array;
    readonly payeeWord: Uint8Array;
    readonly untilMs: number;
  },
): boolean {
  const word = readPayeeStatement(payeeWord);
  if (word === undefined || word.validUntilMs < untilMs || payee.every((byte) => byte === 0)) return false;
  const { validUntilMs, signature } = word;
  return crypto.verifyAddress(hashProviderPayee(crypto, domain, { providerId, validUntilMs }), signature, payee);
}
