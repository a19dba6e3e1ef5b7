import type { Peer } from '@ogong/host/link/link-pool';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { ClaimError, type ReplyTexts, type StoredClaim, verifyTexts } from '@ogong/protocol/verdict/claim';
import { NoAnswer } from './patience.ts';
import type { VerifierCallOptions } from './verifier-call.ts';

export type GetTexts = (provider: Peer, replyId: Uint8Array, options: VerifierCallOptions) => Promise<ReplyTexts>;

/** Of a validator whose providers hand all texts in. */
export const askNobody: GetTexts = () => Promise.reject(new NoAnswer('nobody is asked for texts'));

/**
 * The texts of a reply that was handed in without them, as its record names them.
 * @throws NoAnswer where they are others, or hold what the request rules out; whatever the call throws.
 */
export async function fetchTexts(
  crypto: Crypto,
  claim: Pick<StoredClaim, 'order' | 'record' | 'header'>,
  call: (replyId: Uint8Array) => Promise<ReplyTexts>,
): Promise<ReplyTexts> {
  const texts = await call(claim.order.replyId);
  try {
    verifyTexts(crypto, claim, texts);
    return texts;
  } catch (cause) {
    if (!(cause instanceof ClaimError)) throw cause;
    throw new NoAnswer(`what came is not the reply that was ordered: ${cause.code}`, { cause });
  }
}
