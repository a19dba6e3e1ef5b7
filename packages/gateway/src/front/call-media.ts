import { type ApiContext, getCallSignal } from '@ogong/host/http/api-app';
import type { readJsonBody } from '@ogong/host/http/body';
import { readMediaBody } from '@ogong/host/http/media-body';
import type { PictureFetcher } from '@ogong/host/http/picture-fetch';
import type { DetachedRequest } from '@ogong/protocol/modality/media/detach-media';
import type { RequestMedia } from '@ogong/protocol/modality/media/media';
import type { CommonRequest } from '@ogong/protocol/modality/modality';
import type { KeyHolder } from '../books/api-keys.ts';
import type { PayableRequest } from '../buy/match/find-offer.ts';
import type { BegunCall } from './call-limits.ts';
import { isInline } from './ogong-field.ts';
import type { RateLimits } from './rate-limits.ts';

export interface CallMediaDependencies {
  readonly rates: Pick<RateLimits, 'countRequest'>;
  readonly assertAffordable: (payable: PayableRequest) => Promise<void>;
  /** Default: addresses of pictures are refused. */
  readonly pictures?: PictureFetcher | undefined;
}

/**
 * Reads the body of a call. Addresses of pictures stay in it for `fillCall`. They are refused for a caller without room for media.
 * They are refused for a caller that checks its answer, too: it gets no other body than its own.
 * @throws ApiError, RequestError
 */
export function readCallBody(
  context: ApiContext,
  { bodyLimits }: Pick<BegunCall, 'bodyLimits'>,
  { pictures }: Pick<CallMediaDependencies, 'pictures'>,
  read?: typeof readJsonBody,
): Promise<DetachedRequest> {
  const keepsAddresses = pictures !== undefined && !isInline(context) && (bodyLimits.mediaBytes ?? 0) > 0;
  return readMediaBody(context, { ...bodyLimits, keepsAddresses }, read);
}

/** An order of a call, before its pictures are there. */
interface OpenOrder<Q extends CommonRequest> {
  readonly body: Uint8Array;
  readonly request: Q;
  readonly plain?: { readonly body: Uint8Array; readonly request: Q } | undefined;
}

interface OpenCall<Q extends CommonRequest, O extends OpenOrder<Q>> {
  readonly given: DetachedRequest;
  readonly key: KeyHolder;
  readonly call: Pick<BegunCall, 'bodyLimits'>;
  readonly orders: readonly O[];
  readonly read: (body: Uint8Array) => Q;
}

/**
 * Fetches the pictures of a call's addresses, and orders their bytes in place of the addresses. Call it after the call was metered,
 * and before its first order. Each address counts as one more request of the key.
 * @throws ApiError, RequestError
 */
export async function fillCall<Q extends CommonRequest, O extends OpenOrder<Q>>(
  context: ApiContext,
  { given, key, call, orders, read }: OpenCall<Q, O>,
  { rates, pictures, assertAffordable }: CallMediaDependencies,
): Promise<{ readonly media: RequestMedia; readonly orders: readonly O[] }> {
  const { mediaBytes = 0, reserve } = call.bodyLimits;
  if (given.addresses.length === 0 || pictures === undefined) return { media: given.media, orders };
  for (const { request } of orders) await assertAffordable({ request, key });
  for (const _ of given.addresses) await rates.countRequest(context, key);
  reserve?.(mediaBytes);
  const { media, fill } = await pictures.fill(given, { maxBytes: mediaBytes, signal: getCallSignal(context) });
  const refill = <T extends { readonly body: Uint8Array }>(order: T): T => {
    const body = fill(order.body);
    return { ...order, body, request: read(body) };
  };
  return {
    media,
    orders: orders.map((order) => ({ ...refill(order), ...(order.plain && { plain: refill(order.plain) }) })),
  };
}
