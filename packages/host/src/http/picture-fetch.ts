import {
  type DetachedRequest,
  type FilledMedia,
  fillMedia,
  type MediaAddress,
} from '@ogong/protocol/modality/media/detach-media';
import { PICTURE_MARK_BYTES, recognisePicture } from '@ogong/protocol/modality/media/picture-type';
import { RequestError } from '@ogong/protocol/modality/shared/request-error';
import { nodeCrypto } from '../crypto/node-crypto.ts';
import { isPublicAddress } from '../link/public-address.ts';
import { ApiError } from './api-error.ts';
import { createByteSpace } from './byte-space.ts';
import { createCheckedFetch, type FetchFile } from './checked-fetch.ts';

/** Fetches the pictures that requests name by their addresses (docs/spec/media.md#addresses). */
export interface PictureFetcher {
  /**
   * Fetches all addresses of a request, one after another.
   * @throws RequestError that names the place, ApiError `too_many_requests` if too many requests fetch.
   */
  fill(request: DetachedRequest, bounds: FetchBounds): Promise<FilledMedia>;
}

export interface FetchBounds {
  /** The most bytes of the request's pictures, those that came with it included. */
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

export interface PictureFetcherOptions {
  /** Default: calls public addresses alone. */
  readonly fetch?: FetchFile;
  /** Requests that fetch at once. */
  readonly maxRequests?: number;
  /** Time for all addresses of a request, ms. */
  readonly patienceMs?: number;
}

const MAX_REQUESTS = 32;
const PATIENCE_MS = 15_000;
const MAX_REDIRECTS = 3;
const RETRY_AFTER_S = 5;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** Other ports below 1024 belong to services that a request over HTTP could disturb. */
const LOW_PORTS: ReadonlySet<number> = new Set([80, 443]);
const INSTEAD = 'send the file itself as data:<type>;base64,…';

export function createPictureFetcher({
  fetch: call = createCheckedFetch({ isAllowed: isPublicAddress }),
  maxRequests = MAX_REQUESTS,
  patienceMs = PATIENCE_MS,
}: PictureFetcherOptions = {}): PictureFetcher {
  let running = 0;
  return {
    async fill(request, { maxBytes, signal }) {
      if (request.addresses.length === 0) return fillMedia(nodeCrypto, request, new Map());
      if (running >= maxRequests)
        throw new ApiError('too_many_requests', `Too many requests fetch pictures; try again, or ${INSTEAD}.`, {
          retryAfterS: RETRY_AFTER_S,
        });
      running++;
      const bounds = { signal: AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]) };
      try {
        const pictures = new Map<string, Uint8Array>();
        let room = maxBytes - [...request.media.values()].reduce((sum, { length }) => sum + length, 0);
        for (const one of request.addresses) {
          const picture = await fetchPicture(call, one, { ...bounds, maxBytes: room });
          room -= picture.length;
          pictures.set(one.address, picture);
        }
        return fillMedia(nodeCrypto, request, pictures);
      } finally {
        running--;
      }
    },
  };
}

/** The picture cannot be had, for a reason that its user may know. */
class PictureError extends Error {
  readonly code: string;
  constructor(message: string, code = 'unreachable_media_url') {
    super(message);
    this.code = code;
  }
}

/** @throws RequestError */
async function fetchPicture(
  call: FetchFile,
  { address, param }: MediaAddress,
  bounds: FetchBounds,
): Promise<Uint8Array> {
  try {
    return await readPicture(await openPicture(call, address, bounds.signal), bounds.maxBytes);
  } catch (error) {
    // One sentence for all: a stranger must not learn from it which names and ports of this network answer.
    const why =
      error instanceof PictureError
        ? error
        : new PictureError('no server of the public internet answered in time at its address');
    throw new RequestError(`${param}: ${why.message}; ${INSTEAD}`, param, why.code, { cause: error });
  }
}

/** Calls the address, and those that it redirects to. @throws PictureError, TypeError */
async function openPicture(call: FetchFile, address: string, signal: AbortSignal): Promise<Response> {
  let url = parseUrl(address);
  for (let redirects = 0; ; redirects++) {
    const response = await call(url.href, { signal, headers: { accept: 'image/*', 'accept-encoding': 'identity' } });
    if (response.status === 200) return response;
    await response.body?.cancel();
    const next = REDIRECTS.has(response.status) ? response.headers.get('location') : null;
    if (next === null) throw new PictureError(`its address answers with status ${response.status} and no picture`);
    if (redirects === MAX_REDIRECTS) throw new PictureError('its address redirects too often');
    const from = url;
    url = parseUrl(next, from);
    if (from.protocol === 'https:' && url.protocol !== 'https:')
      throw new PictureError('its address redirects from https to http');
  }
}

/** @throws PictureError */
function parseUrl(address: string, base?: URL): URL {
  const refuse = (why: string): never => {
    throw new PictureError(`its address ${why}`, 'unsupported_media_url');
  };
  const url = URL.canParse(address, base?.href) ? new URL(address, base) : refuse('cannot be read');
  if (url.protocol !== 'https:' && url.protocol !== 'http:') refuse('leads to something else than http or https');
  if (url.username !== '' || url.password !== '') refuse('has a name or a password');
  const port = Number(url.port);
  if (url.port !== '' && port < 1024 && !LOW_PORTS.has(port)) refuse(`has the port ${port}`);
  return url;
}

/** Reads the bytes of an answer, and ends it as soon as they are no picture or too many. @throws PictureError */
async function readPicture(response: Response, maxBytes: number): Promise<Uint8Array> {
  const tooLarge = () =>
    new PictureError(`all pictures of a request have too many bytes together; ${maxBytes} are left`, 'invalid_media');
  const reader = response.body?.getReader();
  const space = createByteSpace({ maxBytes });
  let isRecognised = false;
  try {
    if (Number(response.headers.get('content-length') ?? 0) > maxBytes) throw tooLarge();
    for (;;) {
      const { done, value } = (await reader?.read()) ?? { done: true };
      if (value !== undefined && !space.add(value)) throw tooLarge();
      if (!isRecognised && (done || space.view().length >= PICTURE_MARK_BYTES)) {
        if (recognisePicture(space.view()) === undefined)
          throw new PictureError('its address has no PNG, JPEG, WebP or GIF', 'invalid_media');
        isRecognised = true;
      }
      if (done) return space.take();
    }
  } finally {
    await reader?.cancel().catch(() => undefined);
  }
}
