import { utf8Decode, utf8Encode } from '@ogong/protocol/base/bytes';
import { type Endpoint, TEXT_ENDPOINTS } from '@ogong/protocol/modality/text/commitment/header';

/** A request as its provider gets it. */
export interface CanaryRequest {
  readonly endpoint: CanaryEndpoint;
  readonly body: Uint8Array;
}

export const CANARY_ENDPOINTS = TEXT_ENDPOINTS;
export type CanaryEndpoint = Endpoint;

/**
 * Fields that are copied from a request. They say how long and in which way the answer is, and reveal nothing that the
 * consumer wrote.
 */
const TAKEN_FIELDS = [
  ...['model', 'messages', 'prompt', 'stream', 'temperature', 'top_p', 'max_tokens', 'max_completion_tokens', 'n'],
  ...['logprobs', 'top_logprobs', 'presence_penalty', 'frequency_penalty'],
];
const TAKEN_MESSAGE_FIELDS = ['role', 'content'];
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
  if (!isRecord(given) || !Object.keys(given).every((key) => TAKEN_FIELDS.includes(key))) return undefined;
  const write = (text: string): string => cutText(texts, utf8Encode(JSON.stringify(text)).length - 2, random);
  const made: Record<string, unknown> = { ...given, model };
  if (typeof given.prompt === 'string') made.prompt = write(given.prompt);
  else if (Array.isArray(given.messages) && given.messages.every(isPlainMessage)) {
    made.messages = given.messages.map((message) => ({ ...message, content: write(message.content) }));
  } else return undefined;
  return { endpoint, body: utf8Encode(JSON.stringify(made)) };
}

/** Composes one message of some length, for a model without traffic. */
export function composeAlone({
  model,
  texts,
  random,
}: {
  readonly model: string;
  readonly texts: string;
  readonly random: () => number;
}): CanaryRequest {
  const content = cutText(texts, 40 + Math.floor(random() * 400), random);
  const made = { model, messages: [{ role: 'user', content }], max_tokens: 16 + Math.floor(random() * 112) };
  return { endpoint: 'chat', body: utf8Encode(JSON.stringify(made)) };
}

interface PlainMessage {
  readonly role: string;
  readonly content: string;
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isPlainMessage = (value: unknown): value is PlainMessage =>
  isRecord(value) &&
  typeof value.content === 'string' &&
  typeof value.role === 'string' &&
  Object.keys(value).every((key) => TAKEN_MESSAGE_FIELDS.includes(key));

/** Cuts a piece of that many characters at a random place. */
function cutText(texts: string, length: number, random: () => number): string {
  let cut = '';
  while (cut.length < length) {
    const from = Math.floor(random() * texts.length);
    cut += texts.slice(from, from + length - cut.length);
  }
  return cut;
}
