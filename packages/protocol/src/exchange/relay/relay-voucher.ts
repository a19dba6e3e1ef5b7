import { equalBytes, ProtocolError } from '../../base/bytes.ts';
import { address, type CodecType, createFormat, hash, refine, safeInteger, struct, u128 } from '../../base/codec.ts';
import type { Crypto, LedgerSigner } from '../../crypto/crypto.ts';
import { abi, createTypedStruct, hashTyped } from '../../crypto/typed-data.ts';
import { hashLedgerDomain, type LedgerDomain } from '../order.ts';

const voucherCodec = struct({
  /** The account whose tokens pay. */
  payer: address,
  /** The relay's payee. */
  payee: address,
  /** Total ever paid under this nonce. */
  valueAtomic: u128,
  /** Unix time, s. The voucher is not accepted from then on. */
  validBeforeS: safeInteger,
  /** Drawn by the payer. The token moves money only once for each nonce. */
  nonce: hash,
});

/**
 * A node's payment to a relay for carried bytes: a signed transfer of the token (ERC-3009). The relay submits it when it likes.
 * Vouchers of one nonce replace each other, so only one of them, the last, is submitted (docs/spec/relay.md#payment).
 */
export interface RelayVoucher extends CodecType<typeof voucherCodec> {}

const voucherFormat = createFormat(
  refine<RelayVoucher>(voucherCodec, ({ valueAtomic }) => {
    if (valueAtomic === 0n) throw new ProtocolError('malformed', 'a voucher over nothing');
  }),
  { tag: 'ogong-relay-voucher-v1' },
);

export const encodeRelayVoucher: (voucher: RelayVoucher) => Uint8Array = voucherFormat.encode;
/** @throws ProtocolError */
export const parseRelayVoucher: (bytes: Uint8Array) => RelayVoucher = voucherFormat.decode;

/** The type under the token's own name. */
const typedTransfer = createTypedStruct('TransferWithAuthorization', {
  from: abi.address,
  to: abi.address,
  value: abi.uint256,
  validAfter: abi.uint256,
  validBefore: abi.uint256,
  nonce: abi.bytes32,
});

/** Hashes a voucher. @param token chain and address of the token. @returns the 32-byte digest that the payer signs. */
export function hashRelayVoucher(crypto: Crypto, token: LedgerDomain, voucher: RelayVoucher): Uint8Array {
  const { payer, payee, valueAtomic, validBeforeS, nonce } = voucher;
  const transfer = {
    from: payer,
    to: payee,
    value: valueAtomic,
    validAfter: 0n,
    validBefore: BigInt(validBeforeS),
    nonce,
  };
  return hashTyped(crypto, hashLedgerDomain(crypto, token), typedTransfer.hash(crypto, transfer));
}

export interface SignedRelayVoucher {
  readonly voucher: Uint8Array;
  /** 65 bytes, by the payer. */
  readonly signature: Uint8Array;
}

export function signRelayVoucher(
  crypto: Crypto,
  signer: LedgerSigner,
  { token, ...said }: Omit<RelayVoucher, 'payer'> & { readonly token: LedgerDomain },
): SignedRelayVoucher {
  const voucher = { ...said, payer: signer.address };
  return {
    voucher: encodeRelayVoucher(voucher),
    signature: signer.signDigest(hashRelayVoucher(crypto, token, voucher)),
  };
}

/** Opens a voucher. @returns it, if its payer signed it for this token and payee; undefined otherwise. @throws ProtocolError */
export function openRelayVoucher(
  crypto: Crypto,
  { token, payee }: { readonly token: LedgerDomain; readonly payee: Uint8Array },
  { voucher: bytes, signature }: SignedRelayVoucher,
): RelayVoucher | undefined {
  const voucher = parseRelayVoucher(bytes);
  if (!equalBytes(voucher.payee, payee)) return undefined;
  return crypto.verifyAddress(hashRelayVoucher(crypto, token, voucher), signature, voucher.payer) ? voucher : undefined;
}

export const GIB = 1n << 30n;

/** Computes the cost of so many bytes, rounded up. */
export const computeRelayFee = (bytes: bigint, pricePerGibAtomic: bigint): bigint =>
  (bytes * pricePerGibAtomic + GIB - 1n) / GIB;

/** Computes how many bytes an amount pays for. */
export const computePaidBytes = (valueAtomic: bigint, pricePerGibAtomic: bigint): bigint =>
  (valueAtomic * GIB) / pricePerGibAtomic;
