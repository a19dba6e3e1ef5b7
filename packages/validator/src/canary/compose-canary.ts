import { utf8Decode, utf8Encode } from '@ogong/protocol/base/bytes';
import { type EndpointName, isEndpoint } from '@ogong/protocol/modality/endpoints';
import type { CanaryForm } from '@ogong/protocol/modality/modality';
import { findModality } from '@ogong/protocol/modality/registry';

/** A request as its provider gets it. */
export interface CanaryRequest {
  readonly endpoint: EndpointName;
  readonly body: Uint8Array;
}

/** Finds the form of tests at an endpoint; undefined if it has none. */
export const findCanaryForm = (endpoint: string): CanaryForm | undefined =>
  isEndpoint(endpoint) ? findModality(endpoint).canary : undefined;

const SHORTEST_TEXT = 64;

/**
 * Joins the texts for canaries into one line that JSON writes without escapes. So each piece of it has its length in
 * bytes.
 * @throws RangeError if almost nothing is left.
 */
export function joinTexts(texts: readonly string[]): string {
  const joined = texts
    .join(' ')
    .replace(/[^ -~]+/g, ' ')
    .replace(/["\\]/g, "'")
    .replace(/ +/g, ' ')
    .trim();
  if (joined.length < SHORTEST_TEXT)
    throw new RangeError(`the texts for canaries need at least ${SHORTEST_TEXT} characters`);
  return joined;
}

/**
 * Composes a request of the same shape as a real one. It has the same fields in their order, as many messages, and
 * texts of the same length by another author. So sizes, limits and prices of canaries follow those of the traffic.
 * @param random 0..1.
 * @returns undefined if the request has a part that cannot be copied without revealing the consumer's text.
 */
export function composeCanary(
  { endpoint, body }: CanaryRequest,
  { model, texts, random }: { readonly model: string; readonly texts: string; readonly random: () => number },
): CanaryRequest | undefined {
  const given: unknown = JSON.parse(utf8Decode(body));
  const form = findCanaryForm(endpoint);
  if (!isRecord(given) || !form?.endpoints.includes(endpoint)) return undefined;
  const write = (text: string): string => cutText(texts, utf8Encode(JSON.stringify(text)).length - 2, random);
  const fields = form.copy({ ...given, model }, write);
  return fields && { endpoint, body: utf8Encode(JSON.stringify(fields)) };
}

/** Composes a small request for a model without traffic. */
export function composeAlone(
  form: CanaryForm,
  {
    model,
    texts,
    random,
  }: {
    readonly model: string;
    readonly texts: string;
    readonly random: () => number;
  },
): CanaryRequest {
  const { endpoint, fields } = form.compose((length) => cutText(texts, length, random), random);
  if (!isEndpoint(endpoint)) throw new TypeError(`a test has the endpoint ${endpoint}`);
  return { endpoint, body: utf8Encode(JSON.stringify({ model, ...fields })) };
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Cuts a piece of that many characters at a random place. */
function cutText(texts: string, length: number, random: () => number): string {
  let cut = '';
  while (cut.length < length) {
    const from = Math.floor(random() * texts.length);
    cut += texts.slice(from, from + length - cut.length);
  }
  return cut;
}
