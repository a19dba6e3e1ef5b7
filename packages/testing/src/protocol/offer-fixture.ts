import { equalBytes, utf8Encode } from '@ogong/protocol/base/bytes';
import type { Crypto, HybridSigner } from '@ogong/protocol/crypto/crypto';
import { hashHybridKey } from '@ogong/protocol/crypto/hybrid';
import {
  computeMatchSeed,
  encodeCandidates,
  hashCandidates,
  replayMatch,
  selectCandidates,
} from '@ogong/protocol/exchange/match';
import { computeReplyId } from '@ogong/protocol/exchange/order';
import { signTicket, type Ticket } from '@ogong/protocol/exchange/ticket';
import { SEAL_SUITE } from '@ogong/protocol/sealing/seal-context';
import { type SealKey, signSealKey } from '@ogong/protocol/sealing/seal-key';
import type { SealedOffer } from '@ogong/protocol/stage1/sealed-offer';
import type { AskedOffer } from '@ogong/protocol/verdict/receipt/verify-sealed-offer';
import { createTestSeal } from './exchange-fixture.ts';
import { createSteadySigner } from './steady-signer.ts';

export const OFFER_ROUTER = createSteadySigner(new Uint8Array(64).fill(0x41));
export const OFFER_PROVIDER = createSteadySigner(new Uint8Array(64).fill(0x42));
const OFFERED_MODEL = 'ogong/verified/test/synthetic';
const NOW_MS = 1_800_000_000_000;
const PRICE = 100n;

/** Changes before anything is signed. */
export interface OfferBends {
  readonly ticket?: (ticket: Ticket) => Ticket;
  readonly sealKey?: (key: SealKey) => SealKey;
  /** Signer of the seal key. */
  readonly keySigner?: HybridSigner;
  /** Number of providers in the draw. Default: 3. */
  readonly providers?: number;
}

/** Makes a valid offer and its request. */
export function createTestOffer(crypto: Crypto, bends: OfferBends = {}) {
  const name = (text: string): Uint8Array => crypto.sha256(utf8Encode(text));
  const ledger = { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(0xaa) };
  const [payer, validator] = [name('payer').slice(0, 20), name('validator').slice(0, 20)];
  const modelRoot = name('weights');
  const own = hashHybridKey(crypto, OFFER_PROVIDER.publicKey);
  const offers = Array.from({ length: bends.providers ?? 3 }, (_, n) => ({
    ...{ providerId: n === 0 ? own : name(`provider ${n}`), payee: name(`payee ${n}`).slice(0, 20) },
    ...{ modelId: OFFERED_MODEL, pricePer1kAtomic: PRICE, contextSize: 4_096, freeCapacity: 1 },
    ...{ stakeAtomic: 0n, reputationPpm: 1_000_000, expiresAtMs: NOW_MS + 60_000 },
  }));
  const terms = { modelId: OFFERED_MODEL, maxPricePer1kAtomic: 1_000n, contextSize: 512, exclude: [], nowMs: NOW_MS };
  const candidates = encodeCandidates(selectCandidates(offers, terms));
  // Finds the first nonce that draws the provider with the known key.
  let nonce: Uint8Array;
  let replyId: Uint8Array;
  for (let i = 0; ; i++) {
    nonce = name(`nonce ${i}`);
    replyId = computeReplyId(crypto, ledger, { payer, validator, nonce });
    const drawn = replayMatch(crypto, candidates, computeMatchSeed(crypto, replyId));
    if (drawn !== undefined && equalBytes(drawn.providerId, own)) break;
  }
  const ticket: Ticket = {
    ...{ router: name('router').slice(0, 20), modelId: OFFERED_MODEL, providerId: own },
    ...{ providerEndpoint: '192.0.2.1:1', providerCertHash: name('certificate'), payee: name('payee 0').slice(0, 20) },
    ...{ modelRoot, pricePer1kAtomic: PRICE, contextSize: 4_096, replyId },
    candidatesHash: hashCandidates(crypto, candidates),
    ...{ issuedAtMs: NOW_MS, expiresAtMs: NOW_MS + 60_000 },
  };
  const seal = createTestSeal();
  const sealKey: SealKey = {
    ...{ suite: SEAL_SUITE, chainId: ledger.chainId, escrow: ledger.verifyingContract, providerId: own, sequence: 1n },
    ...{ issuedAtMs: NOW_MS, expiresAtMs: NOW_MS + 3_600_000, key: seal.openKemKey(seal.random(32)).publicKey },
  };
  const signed = signTicket(OFFER_ROUTER, bends.ticket?.(ticket) ?? ticket);
  const key = signSealKey(bends.keySigner ?? OFFER_PROVIDER, bends.sealKey?.(sealKey) ?? sealKey);
  const offer: SealedOffer = {
    ...{ ledger, payer, validator, candidates },
    ticket: { bytes: signed.ticket, publicKey: signed.routerKey, signature: signed.signature },
    sealKey: { bytes: key.sealKey, publicKey: key.providerKey, signature: key.signature },
  };
  const asked: AskedOffer = {
    ...{ model: OFFERED_MODEL, nonce, contextSize: 300, modelRoot: undefined },
    ...{ sort: undefined, maxPricePer1kAtomic: undefined, only: [], exclude: [] },
  };
  return { offer, asked, nowMs: NOW_MS, replyId, ticket, modelRoot };
}
