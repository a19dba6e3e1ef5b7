import type { Peer } from '@ogong/host/link/link-pool';
import type { VerifierCallOptions } from '@ogong/host/link/verifier-call';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { IntakeSignature } from '@ogong/protocol/exchange/intake-receipt';
import { ClaimError, type ReplyTexts, type StoredClaim, verifyTexts } from '@ogong/protocol/verdict/claim';
import { NoAnswer } from './patience.ts';

/** A question for texts. It has the receipt, because a provider that could not hand its record in does not know it otherwise. */
export interface TextsQuestion {
  readonly replyId: Uint8Array;
  /** Of the order's validator, for the record. */
  readonly intake: IntakeSignature | undefined;
}

export type GetTexts = (provider: Peer, asked: TextsQuestion, options: VerifierCallOptions) => Promise<ReplyTexts>;

/** Of a validator whose providers hand all texts in. */
export const askNobody: GetTexts = () => Promise.reject(new NoAnswer('nobody is asked for texts'));

/**
 * The texts of a reply that was handed in without them, as its record names them.
 * @throws NoAnswer where they are others, or hold what the request rules out; whatever the call throws.
 */
export async function fetchTexts(
  crypto: Crypto,
  claim: Pick<StoredClaim, 'order' | 'record' | 'header'>,
  call: () => Promise<ReplyTexts>,
): Promise<ReplyTexts> {
  const texts = await call();
  try {
    verifyTexts(crypto, claim, texts);
    return texts;
  } catch (cause) {
    if (!(cause instanceof ClaimError)) throw cause;
    throw new NoAnswer(`what came is not the reply that was ordered: ${cause.code}`, { cause });
  }
}
