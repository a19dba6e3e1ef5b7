import { ApiError } from '@ogong/host/http/api-error';
import type { SettlementType } from '@ogong/protocol/http/routes';
import type { EndpointName } from '@ogong/protocol/modality/endpoints';
import type { CommonRequest } from '@ogong/protocol/modality/modality';
import { isTextEndpoint } from '@ogong/protocol/modality/text/commitment/header';
import type { SealedOffer } from '@ogong/protocol/stage1/sealed-offer';
import { giveBack } from '../buy/match/find-match.ts';
import { type FoundOffer, findOffer, type OfferContext } from '../buy/match/find-offer.ts';
import type { PayingKey } from '../buy/reply.ts';
import type { KnownSealKeys } from '../buy/seal/seal-keys.ts';
import type { DoubtedProviders } from './doubted-providers.ts';
import type { KnownValidatorKeys } from './validator-keys.ts';

const MAX_TRIES = 3;

/** A client's description of a request that it seals itself: its hash, and no text. */
export interface SealedQuery {
  readonly endpoint: EndpointName;
  /** The fields that fee and match depend on. The provider refuses a request that asks for more. */
  readonly request: CommonRequest;
  readonly requestHash: Uint8Array;
  readonly nonce: Uint8Array;
  /** Number of the answer among those of the request. */
  readonly choice: number;
  /** Tokens of the longest input, at most; for vectors and scores only. */
  readonly contextSize: number | undefined;
  readonly settlementType: SettlementType;
  /** Providers that it was tried with. */
  readonly exclude: readonly Uint8Array[];
}

/** Services for finding a provider that can be sealed to. */
export type FindSealedContext = OfferContext;

interface FindSealedDependencies {
  readonly context: FindSealedContext;
  readonly sealKeys: Pick<KnownSealKeys, 'show'>;
  readonly validatorKeys: Pick<KnownValidatorKeys, 'show'>;
  readonly doubted: Pick<DoubtedProviders, 'list'>;
}

/** Finds the first drawn provider that can be sealed to. */
export async function findSealed(
  { context, sealKeys, validatorKeys, doubted }: FindSealedDependencies,
  asked: SealedQuery,
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
      // A provider with complaints is better than none.
      if (doubts.length === 0 || signal.aborted) throw error;
      doubts = [];
      return findOffer(context, job, { ...wanted, tried });
    });
    const { match, validator } = offer;
    try {
      const [validatorKey, { signed: shown, machine }] = await Promise.all([
        // Vectors have no milestones.
        isTextEndpoint(asked.endpoint) ? validatorKeys.show(validator) : undefined,
        sealKeys.show(match, { nonce, signal }),
      ]);
      const { sealKey: bytes, providerKey: publicKey, signature } = shown;
      const { ticket, routerKey, signature: signed } = match.signed;
      return [
        offer,
        {
          ...{ ledger: chain.ledger, payer: payer.address, validator, candidates: match.candidates },
          ticket: { bytes: ticket, publicKey: routerKey, signature: signed },
          sealKey: { bytes, publicKey, signature },
          ...(validatorKey && { validatorKey }),
          ...(machine && { machine }),
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
