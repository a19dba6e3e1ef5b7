import { equalBytes } from '@ogong/protocol/base/bytes';
import type { Crypto, LedgerSigner } from '@ogong/protocol/crypto/crypto';
import type { LedgerDomain } from '@ogong/protocol/exchange/order';
import {
  computeRelayFee,
  type SignedRelayVoucher,
  signRelayVoucher,
} from '@ogong/protocol/exchange/relay/relay-voucher';
import type { RelayTerms } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { LinkError } from '../link-error.ts';

/** The account that pays relays, and its limits. */
export interface RelayPayerOptions {
  readonly signer: LedgerSigner;
  /** Chain and address of the token. */
  readonly token: LedgerDomain;
  readonly maxPricePerGibAtomic: bigint;
  /** Most that one relay may cost in a day in UTC. Anybody may send bytes to a node, the relay too. */
  readonly maxPerDayAtomic: bigint;
  /** 32 bytes. */
  readonly randomBytes: () => Uint8Array;
  readonly nowMs: () => number;
}

/**
 * Pays one relay for the bytes that this node has counted itself, up to a limit for each day. Bytes that only the relay claims cost
 * nothing.
 */
export interface RelayPayer {
  /**
   * Accepts terms for the bytes from now on. @param bytes carried so far, as counted here.
   * @throws Error if the relay's price is too high, or its currency differs.
   */
  meet(terms: RelayTerms | undefined, bytes: bigint): void;
  /** Pays where enough is due. @param bytes carried in all, as counted here. @throws LinkError; Error if the limit of the day is used up. */
  pay(bytes: bigint, send: (signed: SignedRelayVoucher) => Promise<unknown>): Promise<void>;
}

/** A relay that never submits one has lost it after this time. */
const VOUCHER_LIFETIME_S = 30 * 86_400;
const DAY_MS = 86_400_000;

interface Terms {
  readonly payee: Uint8Array;
  readonly pricePerGibAtomic: bigint;
  readonly creditBytes: bigint;
}

export function createRelayPayer(crypto: Crypto, options: RelayPayerOptions | undefined): RelayPayer {
  let terms: Terms | undefined;
  /** Bytes until the price changed last, and their cost. So no relay raises the price of bytes that it has carried. */
  let before = { bytes: 0n, atomic: 0n };
  const computeCost = (bytes: bigint): bigint =>
    before.atomic + computeRelayFee(bytes - before.bytes, terms?.pricePerGibAtomic ?? 0n);
  /** Sum signed under nonces that the relay has redeemed. The relay could get no more, whatever voucher it submitted. */
  let closedAtomic = 0n;
  let nonce: Uint8Array | undefined;
  let signedAtomic = 0n;
  /** Whether the relay accepted the last voucher. */
  let isTaken = false;
  let paidBytes = 0n;
  let isPaying = false;
  let today = { day: 0, signedAtomic: 0n, isUsedUp: false };

  /** @returns false if the limit of the day is used up. @throws Error at the first time of a day. */
  function takeOfDay(moreAtomic: bigint, { maxPerDayAtomic, nowMs }: RelayPayerOptions): boolean {
    const day = Math.floor(nowMs() / DAY_MS);
    if (today.day !== day) today = { day, signedAtomic: 0n, isUsedUp: false };
    if (today.signedAtomic + moreAtomic <= maxPerDayAtomic) {
      today.signedAtomic += moreAtomic;
      return true;
    }
    if (today.isUsedUp) return false;
    today.isUsedUp = true;
    throw new Error(
      `the relay has cost ${today.signedAtomic} atomic units today, and the limit is ${maxPerDayAtomic}: raise --relay-max-day, or name another relay`,
    );
  }

  async function payNow(
    { payee, pricePerGibAtomic, creditBytes }: Terms,
    options: RelayPayerOptions,
    bytes: bigint,
    send: (signed: SignedRelayVoucher) => Promise<unknown>,
  ): Promise<void> {
    const { signer, token, randomBytes, nowMs } = options;
    const owedAtomic = computeCost(bytes) - closedAtomic;
    // One that the relay may not have had is signed again.
    if (owedAtomic < signedAtomic || (owedAtomic === signedAtomic && isTaken)) return;
    // A relay takes nothing that is worth less than its check; under a new nonce that may come to little.
    const isDust = owedAtomic - signedAtomic < computeRelayFee(creditBytes / 8n, pricePerGibAtomic);
    if (isDust && owedAtomic !== signedAtomic) return;
    if (!takeOfDay(owedAtomic - signedAtomic, options)) return;
    nonce ??= randomBytes();
    const validBeforeS = Math.floor(nowMs() / 1000) + VOUCHER_LIFETIME_S;
    // Counted before it is sent: once it is signed, the relay may have it.
    signedAtomic = owedAtomic;
    isTaken = false;
    try {
      await send(signRelayVoucher(crypto, signer, { token, payee, valueAtomic: owedAtomic, validBeforeS, nonce }));
      paidBytes = bytes;
      isTaken = true;
    } catch (error) {
      if (!(error instanceof LinkError) || error.refusal !== 'conflict') throw error;
      closedAtomic += signedAtomic;
      signedAtomic = 0n;
      nonce = undefined;
      throw error;
    }
  }

  return {
    meet(asked, bytes) {
      const met = asked && readTerms(asked, options);
      // Another payee is another claim: signatures for the first one stand.
      if (terms && met && !equalBytes(terms.payee, met.payee))
        throw new Error('the relay names another payee than before');
      if (terms?.pricePerGibAtomic !== met?.pricePerGibAtomic) before = { bytes, atomic: computeCost(bytes) };
      terms = met;
    },
    async pay(bytes, send) {
      if (terms === undefined || options === undefined || isPaying) return;
      if (bytes - paidBytes < terms.creditBytes / 4n) return;
      isPaying = true;
      try {
        await payNow(terms, options, bytes, send);
      } finally {
        isPaying = false;
      }
    },
  };
}

function readTerms(asked: RelayTerms, options: RelayPayerOptions | undefined): Terms {
  const { payee, pricePerGib, chainId, token, creditBytes } = asked;
  if (payee.length !== 20 || pricePerGib.length !== 16 || token.length !== 20 || creditBytes === 0n) {
    throw new Error('the relay names terms that cannot be read');
  }
  const pricePerGibAtomic = pricePerGib.reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  if (options === undefined || pricePerGibAtomic > options.maxPricePerGibAtomic) {
    const most = options?.maxPricePerGibAtomic ?? 0n;
    throw new Error(
      `the relay asks ${pricePerGibAtomic} atomic units per GiB, and this node pays ${most} at most: raise --relay-max-price, or name another relay`,
    );
  }
  if (chainId !== options.token.chainId || !equalBytes(token, options.token.verifyingContract)) {
    throw new Error('the relay wants to be paid in another token');
  }
  return { payee, pricePerGibAtomic, creditBytes };
}
