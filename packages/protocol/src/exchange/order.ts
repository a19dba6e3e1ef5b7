import { concatBytes, createReader, createWriter, equalBytes, ProtocolError, utf8Encode } from '../base/bytes.ts';
import type { Crypto } from '../crypto/crypto.ts';

/**
 * The consumer's order: one EIP-712 signature binds who may serve which request under which nonce and reply id, and what
 * may be drawn from the payer's channel for it. The digest nests the terms, so that the chain needs only their hash to
 * check the voucher (docs/spec/order.md, docs/spec/settlement.md).
 */
export interface Order {
  /** 20 bytes: whose escrow pays. */
  readonly payer: Uint8Array;
  /** 20 bytes: the handling validator, whose channel the order draws on. */
  readonly validator: Uint8Array;
  /** Sum of the maximum fees that this channel's orders may have drawn, this one included; only grows. */
  readonly cumulativeAtomic: bigint;
  readonly requestHash: Uint8Array;
  readonly nonce: Uint8Array;
  readonly modelRoot: Uint8Array;
  readonly providerId: Uint8Array;
  /** 20 bytes: whom the provider announced as its payee. Its header has to name the same. */
  readonly payee: Uint8Array;
  /** 16 bytes. */
  readonly replyId: Uint8Array;
  /** 20 bytes: who is paid for the match. */
  readonly router: Uint8Array;
  /** Index of the choice where the request asks for several. */
  readonly choice: number;
  /** Tokens of prompt and reply that the provider announced to have room for: it may not end for want of room below. */
  readonly contextSize: number;
  readonly maxFeeAtomic: bigint;
  readonly pricePer1kAtomic: bigint;
  /** The epoch whose beacon enters the draw key. */
  readonly epoch: bigint;
  /** Unix time in ms. */
  readonly expiresAtMs: bigint;
}

export interface LedgerDomain {
  readonly chainId: bigint;
  /** 20 bytes. */
  readonly verifyingContract: Uint8Array;
}

const ORDER_DOMAIN = utf8Encode('ogong-order-v2\n');
const TERMS_TYPE =
  'Terms(bytes32 requestHash,bytes32 nonce,bytes32 modelRoot,bytes32 providerId,address payee,bytes16 replyId,' +
  'address router,uint8 choice,uint32 contextSize,uint128 maxFee,uint128 pricePer1k,uint64 epoch,uint64 expiresAt)';
const ORDER_TYPE = `Order(address payer,address validator,uint128 cumulative,Terms terms)${TERMS_TYPE}`;
const DOMAIN_TYPE = 'EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)';

export function encodeOrder(order: Order): Uint8Array {
  return createWriter(384)
    .bytes(ORDER_DOMAIN)
    .bytes(order.payer, 20)
    .bytes(order.validator, 20)
    .u128(order.cumulativeAtomic)
    .bytes(order.requestHash, 32)
    .bytes(order.nonce, 32)
    .bytes(order.modelRoot, 32)
    .bytes(order.providerId, 32)
    .bytes(order.payee, 20)
    .bytes(order.replyId, 16)
    .bytes(order.router, 20)
    .u8(order.choice)
    .u32(order.contextSize)
    .u128(order.maxFeeAtomic)
    .u128(order.pricePer1kAtomic)
    .u64(order.epoch)
    .u64(order.expiresAtMs)
    .finish();
}

/** @throws ProtocolError */
export function parseOrder(bytes: Uint8Array): Order {
  const reader = createReader(bytes);
  if (!equalBytes(reader.bytes(ORDER_DOMAIN.length), ORDER_DOMAIN))
    throw new ProtocolError('malformed', 'not an order');
  const order: Order = {
    payer: reader.bytes(20),
    validator: reader.bytes(20),
    cumulativeAtomic: reader.u128(),
    requestHash: reader.bytes(32),
    nonce: reader.bytes(32),
    modelRoot: reader.bytes(32),
    providerId: reader.bytes(32),
    payee: reader.bytes(20),
    replyId: reader.bytes(16),
    router: reader.bytes(20),
    choice: reader.u8(),
    contextSize: reader.u32(),
    maxFeeAtomic: reader.u128(),
    pricePer1kAtomic: reader.u128(),
    epoch: reader.u64(),
    expiresAtMs: reader.u64(),
  };
  reader.end();
  return order;
}

/** 32 bytes, left-padded: an ABI word. */
export function abiWord(value: Uint8Array | bigint): Uint8Array {
  const word = new Uint8Array(32);
  if (typeof value === 'bigint') {
    for (let i = 31, rest = value; i >= 0; i--, rest >>= 8n) word[i] = Number(rest & 0xffn);
  } else {
    word.set(value, 32 - value.length);
  }
  return word;
}

/** EIP-712 domain separator of the OGONG contracts (name "OGONG", version "1"). */
export function hashLedgerDomain(crypto: Crypto, domain: LedgerDomain): Uint8Array {
  return crypto.keccak256(
    concatBytes(
      crypto.keccak256(utf8Encode(DOMAIN_TYPE)),
      crypto.keccak256(utf8Encode('OGONG')),
      crypto.keccak256(utf8Encode('1')),
      abiWord(domain.chainId),
      abiWord(domain.verifyingContract),
    ),
  );
}

export function hashTyped(crypto: Crypto, domainSeparator: Uint8Array, structHash: Uint8Array): Uint8Array {
  return crypto.keccak256(concatBytes(Uint8Array.of(0x19, 0x01), domainSeparator, structHash));
}

export function hashTerms(crypto: Crypto, order: Order): Uint8Array {
  const replyId = new Uint8Array(32);
  replyId.set(order.replyId);
  return crypto.keccak256(
    concatBytes(
      crypto.keccak256(utf8Encode(TERMS_TYPE)),
      order.requestHash,
      order.nonce,
      order.modelRoot,
      order.providerId,
      abiWord(order.payee),
      replyId,
      abiWord(order.router),
      abiWord(BigInt(order.choice)),
      abiWord(BigInt(order.contextSize)),
      abiWord(order.maxFeeAtomic),
      abiWord(order.pricePer1kAtomic),
      abiWord(order.epoch),
      abiWord(order.expiresAtMs),
    ),
  );
}

/** The 32-byte digest that the payer signs. */
export function hashOrder(crypto: Crypto, domain: LedgerDomain, order: Order): Uint8Array {
  return hashTyped(
    crypto,
    hashLedgerDomain(crypto, domain),
    crypto.keccak256(
      concatBytes(
        crypto.keccak256(utf8Encode(ORDER_TYPE)),
        abiWord(order.payer),
        abiWord(order.validator),
        abiWord(order.cumulativeAtomic),
        hashTerms(crypto, order),
      ),
    ),
  );
}

/** Whether the payer named in the order signed it. */
export function verifyOrder(crypto: Crypto, domain: LedgerDomain, order: Order, signature: Uint8Array): boolean {
  return crypto.verifyAddress(hashOrder(crypto, domain, order), signature, order.payer);
}
