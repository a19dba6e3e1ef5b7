import type { Endpoint } from '@ogong/protocol/modality/text/commitment/header';
import { type InferenceRequest, parsePricedRequest, parseRequest } from '@ogong/protocol/modality/text/request/request';

export type BodyReader = (body: Uint8Array) => InferenceRequest;

/**
 * Creates the reader for the bodies of one call. A gateway makes them of the caller's body: one for each prompt, with a seed, and
 * with further demands. They ask for one grammar, so it is converted once.
 * @throws RequestError, when called
 */
export function createBodyReader(endpoint: Endpoint): BodyReader {
  let first: InferenceRequest | undefined;
  return (body) => {
    if (first === undefined) {
      first = parseRequest(body, endpoint);
      return first;
    }
    const { grammar, terms, dropped } = first;
    return { ...parsePricedRequest(body, endpoint), grammar, terms, dropped };
  };
}
