import type { Peer } from '@ogong/host/link/link-pool';
import type { VerifierCallOptions } from '@ogong/host/link/verifier-call';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import type { IntakeSignature } from '@ogong/protocol/exchange/intake-receipt';
import { ClaimError, type ReplyTexts, type StoredClaim, verifyTexts } from '@ogong/protocol/verdict/claim';
import { NoAnswer } from './patience.ts';

/** Request for texts. It contains the receipt, because a provider that could not hand in its record has none. */
export interface TextsQuestion {
  readonly replyId: Uint8Array;
  /** Receipt of the order's validator for the record. */
  readonly intake: IntakeSignature | undefined;
}

export type GetTexts = (provider: Peer, asked: TextsQuestion, options: VerifierCallOptions) => Promise<ReplyTexts>;

/** Used by a validator whose providers hand in all texts. */
export const askNobody: GetTexts = () => Promise.reject(new NoAnswer('this validator fetches no texts'));

/**
 * Fetches the texts of a reply that came without them, and checks them against its record.
 * @throws NoAnswer if the texts differ or break a rule of the request; also every error of the call.
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
    throw new NoAnswer(`the texts are not those of the ordered reply: ${cause.code}`, { cause });
  }
}
