import { type DetachedRequest, detachMedia } from '@ogong/protocol/modality/media/detach-media';
import type { Context } from 'hono';
import { nodeCrypto } from '../crypto/node-crypto.ts';
import { type BodyLimits, createTooLarge, readJsonBody } from './body.ts';
import { isForm } from './form-body.ts';

export interface MediaBodyLimits extends BodyLimits {
  /** The most bytes of pictures and other files, beside `maxBytes` for the rest of the body. Default: 0. */
  readonly mediaBytes?: number;
  /** Reserves memory for a body above `maxBytes`. A form counts as the JSON that is made of it. Default: such a body needs no permission. @throws ApiError if there is none. */
  readonly reserve?: (bytes: number) => void;
  /** Addresses of pictures stay, for a reader that fetches them. Default: they are refused. */
  readonly keepsAddresses?: boolean;
}

/** A request's body as it is ordered, with the media that its user wrote into it. */
export type MediaBody = Pick<DetachedRequest, 'body' | 'media'>;

/**
 * Reads a JSON body, and takes the data URLs out of it (docs/spec/media.md). In it a file has a third more bytes, in base64.
 * @param read default: readJsonBody. @throws ApiError 408, 413 or 415; RequestError for media that are refused
 */
export async function readMediaBody(
  context: Context,
  { mediaBytes = 0, reserve, keepsAddresses = false, ...limits }: MediaBodyLimits,
  read: typeof readJsonBody = readJsonBody,
): Promise<DetachedRequest> {
  const maxBytes = limits.maxBytes + inBase64(mediaBytes);
  const sent = Number(context.req.header('content-length') ?? maxBytes);
  const stated = isForm(context) ? inBase64(sent) : sent;
  if (stated > limits.maxBytes) reserve?.(Math.min(stated, maxBytes));
  const detached = detachMedia(nodeCrypto, await read(context, { ...limits, maxBytes }), { keepsAddresses });
  if (detached.body.length > limits.maxBytes) throw createTooLarge(limits);
  return detached;
}

/**
 * Reads a JSON body that becomes the bodies of several orders, so it may have the room of media, too.
 * @param mostBytes the most that is read. @throws ApiError 408, 413 or 415
 */
export async function readSplitBody(
  context: Context,
  { mediaBytes = 0, reserve, ...limits }: MediaBodyLimits,
  mostBytes: number,
): Promise<Uint8Array> {
  const room = limits.maxBytes + inBase64(mediaBytes);
  const maxBytes = Math.max(limits.maxBytes, Math.min(room, mostBytes));
  const stated = Number(context.req.header('content-length') ?? maxBytes);
  if (stated > limits.maxBytes) reserve?.(Math.min(stated, maxBytes));
  return readJsonBody(context, { ...limits, maxBytes });
}

const inBase64 = (bytes: number): number => 4 * Math.ceil(bytes / 3);
