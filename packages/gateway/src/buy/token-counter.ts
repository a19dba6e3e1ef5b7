import type { LinkPool } from '@ogong/host/link/link-pool';
import { REPLY_ID_BYTES } from '@ogong/protocol/commitment/record';
import { parseModelId } from '@ogong/protocol/exchange/match';
import { ProviderService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { listMediaReferences } from '@ogong/protocol/modality/media/detach-media';
import { mediaBytes, type RequestMedia } from '@ogong/protocol/modality/media/media';
import type { InferenceRequest } from '@ogong/protocol/modality/text/request/request';
import { getTier } from '@ogong/protocol/tier/registry';
import { type AttestedContext, listDemandedRoles } from './match/attested-roles.ts';
import { giveBack } from './match/find-match.ts';
import type { ProviderMatch } from './match/provider-match.ts';

/** A chat whose tokens are wanted. */
export interface CountedChat {
  readonly request: InferenceRequest;
  readonly body: Uint8Array;
  readonly media: RequestMedia;
  readonly signal: AbortSignal;
}

export interface TokenCounter {
  /**
   * Has a provider of the model count the tokens of a chat. Never throws.
   * @returns undefined if none does, and for a chat that may be shown to attested machines alone.
   */
  count(chat: CountedChat): Promise<number | undefined>;
}

const TIMEOUT_MS = 5_000;
/** The most bytes of all media that go with a count. */
const MOST_MEDIA_BYTES = 2 ** 21;
/** No reply is made, so a provider of any context can count. */
const ANY_CONTEXT = 1;

/** A gateway has no tokenizer. The router draws a provider as for an order, and gets the ticket back unused. */
export function createTokenCounter(
  context: Pick<AttestedContext, 'demandedRoles'> & {
    readonly links: LinkPool;
    readonly matches: Pick<ProviderMatch, 'match'>;
    readonly randomBytes: (length: number) => Uint8Array;
  },
): TokenCounter {
  const { links, matches, randomBytes } = context;

  async function ask({ request, body, media, signal: left }: CountedChat): Promise<number> {
    const signal = AbortSignal.any([left, AbortSignal.timeout(TIMEOUT_MS)]);
    const files = listMediaReferences(body).map((reference) => mediaBytes(reference, media));
    const { model, demands, preference } = request;
    const replyId = randomBytes(REPLY_ID_BYTES);
    const wanted = { model, demands, preference, replyId, contextSize: ANY_CONTEXT };
    const match = await matches.match({ ...wanted, isAhead: true, exclude: [], signal });
    const { providerEndpoint: endpoint, providerCertHash: certHash, modelRoot } = match.ticket;
    try {
      const provider = links.to(ProviderService, { endpoint, certHash });
      return (await provider.countTokens({ modelRoot, request: body, media: files }, { signal })).tokens;
    } finally {
      void giveBack({ links }, { replyId, match });
    }
  }

  return {
    async count(chat) {
      const { request, media } = chat;
      const mediaSize = [...media.values()].reduce((sum, { length }) => sum + length, 0);
      if (isSealed(request) || listDemandedRoles(context, request).length > 0 || mediaSize > MOST_MEDIA_BYTES)
        return undefined;
      const tokens = await ask(chat).catch(() => undefined);
      // A provider that states more than any tokenizer makes is not believed.
      return tokens !== undefined && tokens >= 1 && tokens <= request.promptTokenBound ? tokens : undefined;
    },
  };
}

const isSealed = ({ model, preference }: InferenceRequest): boolean =>
  preference?.sealSuite !== undefined || getTier(parseModelId(model).tier).channel === 'sealed';
