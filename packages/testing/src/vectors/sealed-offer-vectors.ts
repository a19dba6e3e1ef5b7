import { toHex } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { toSealedOfferJson } from '@ogong/protocol/stage1/sealed-offer';
import { createTestOffer } from '../protocol/offer-fixture.ts';

/** `vectors/sealed-offer.json`: a valid offer and its request. */
export function createSealedOfferVectors(crypto: Crypto): unknown {
  const { offer, asked, nowMs, replyId } = createTestOffer(crypto);
  return {
    asked: {
      ...{ model: asked.model, nonce: toHex(asked.nonce) },
      contextSize: asked.contextSize,
    },
    nowMs,
    offer: toSealedOfferJson(offer),
    replyId: toHex(replyId),
    sealKeyHash: toHex(crypto.sha256(offer.sealKey.bytes)),
  };
}
