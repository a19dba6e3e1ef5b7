import { ApiError } from '@ogong/host/http/api-error';
import { isTextEndpoint } from '@ogong/protocol/modality/text/commitment/header';
import type { SealedOffer } from '@ogong/protocol/stage1/sealed-offer';
import { giveBack } from '../buy/match/find-match.ts';
import { type FoundOffer, findOffer } from '../buy/open-attempt.ts';
import type { PayingKey } from '../buy/reply.ts';
import type { DoubtedProviders } from './doubted-providers.ts';
import type { AskedSealed, SealedCallsDependencies } from './sealed-calls.ts';

const MAX_TRIES = 3;

/** The first drawn provider that can be sealed to. */
export async function findSealed(
  {
    context,
    sealKeys,
    validatorKeys,
    doubted,
  }: Pick<SealedCallsDependencies, 'context' | 'sealKeys' | 'validatorKeys'> & {
    readonly doubted: Pick<DoubtedProviders, 'list'>;
  },
  asked: AskedSealed,
  { key, signal }: { readonly key: PayingKey; readonly signal: AbortSignal },
): Promise<[FoundOffer, SealedOffer]> {
  const { chain, payer } = context;
  const { request, requestHash, nonce, contextSize } = asked;
  const tried = [...asked.exclude];
  let doubts = doubted.list(key);
  for (let left = MAX_TRIES; ; left--) {
    const without = [...tried, ...doubts];
    const job = { request, provider: undefined, key, signal };
    const wanted = { requestHash, nonce, contextSize };
    const offer = await findOffer(context, job, { ...wanted, tried: without }).catch((error: unknown) => {
      // Rather somebody of whom others complain than nobody.
      if (doubts.length === 0 || signal.aborted) throw error;
      doubts = [];
      return findOffer(context, job, { ...wanted, tried });
    });
    const { match, validator } = offer;
    try {
      const [validatorKey, { sealKey: bytes, providerKey: publicKey, signature }] = await Promise.all([
        // Vectors have no milestones.
        isTextEndpoint(asked.endpoint) ? validatorKeys.show(validator) : undefined,
        sealKeys.show(match, signal),
      ]);
      const { ticket, routerKey, signature: signed } = match.signed;
      return [
        offer,
        {
          ...{ ledger: chain.ledger, payer: payer.address, validator, candidates: match.candidates },
          ticket: { bytes: ticket, publicKey: routerKey, signature: signed },
          sealKey: { bytes, publicKey, signature },
          ...(validatorKey && { validatorKey }),
        },
      ];
    } catch (cause) {
      await giveBack(context, offer);
      if (left === 1 || signal.aborted) {
        throw new ApiError('provider_busy', 'No drawn provider shows a key to seal to; try again later.', { cause });
      }
      tried.push(match.ticket.providerId);
    }
  }
}
