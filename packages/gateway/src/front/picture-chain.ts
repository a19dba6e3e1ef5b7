import { nodeCrypto } from '@ogong/host/crypto/node-crypto';
import { toReference } from '@ogong/protocol/modality/media/detach-media';
import { NO_MEDIA, type RequestMedia } from '@ogong/protocol/modality/media/media';
import { composeLinkBody } from '@ogong/protocol/modality/trajectory/orders/chain';
import { type PictureRequest, parsePictureRequest } from '@ogong/protocol/modality/trajectory/request';
import type { StepRange } from '@ogong/protocol/modality/trajectory/step-range';
import type { Delta } from '../buy/provider-call.ts';

/** A request as one order has it. */
export interface OrderedRequest {
  readonly body: Uint8Array;
  readonly media: RequestMedia;
  readonly request: PictureRequest;
}

/**
 * Buys the links of a chain one after another (docs/spec/trajectory.md#chains). The answer of a link is the latent of the next one, so a
 * link that fails is bought again without the links before it. Steps pass as they come: links count them over the whole picture.
 * @param buy buys one link; another provider may serve each.
 * @returns the replies in the order of the links. The last one has the picture.
 */
export async function* buyChain<R extends { readonly pixels: Uint8Array }>(
  ranges: readonly StepRange[],
  { body, request }: Pick<OrderedRequest, 'body' | 'request'>,
  buy: (link: OrderedRequest, index: number) => AsyncGenerator<Delta, R>,
): AsyncGenerator<Delta, readonly R[]> {
  const bought: R[] = [];
  for (const [index, range] of ranges.entries()) {
    const start = bought.at(-1)?.pixels;
    const latent = start && toReference(nodeCrypto, start);
    const linkBody = composeLinkBody(body, { ...range, latent });
    const media = start === undefined || latent === undefined ? NO_MEDIA : new Map([[latent, start]]);
    const link = { body: linkBody, media, request: parsePictureRequest(linkBody, request.endpoint) };
    bought.push(yield* buy(link, index));
  }
  return bought;
}
