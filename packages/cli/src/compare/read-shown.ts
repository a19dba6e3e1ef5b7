import { utf8Decode } from '@ogong/protocol/base/bytes';
import type { Listing } from './listing.ts';
import { CompareError } from './party.ts';

/** An answer's tokens with their likely alternatives. */
export interface ShownTokens {
  readonly tokens: readonly string[];
  readonly listings: readonly Listing[];
}

/** No API shows more alternatives. */
const MAX_LISTED = 64;
/** A list of the likeliest token alone agrees with every model that is sure of it, so that a cheaper one would pass. */
const MIN_LISTED = 3;
const MAX_TOKEN_BYTES = 1_024;
/** Rounding makes a certain token a little more than certain. */
const MAX_LOGPROB = 1e-3;

type Fields = Readonly<Record<string, unknown>>;
const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function malformed(what: string): never {
  throw new CompareError('malformed', `the endpoint's answer cannot be read: ${what}`);
}

function readLogprob(value: unknown): number {
  // Servers say minus infinity by a large number, or leave it out.
  if (typeof value !== 'number' || !(value <= MAX_LOGPROB))
    return malformed('a log-probability is above 0 or no number');
  return Math.min(0, value);
}

/** @returns undefined for a part of a character, which a text cannot show: such tokens are not compared. */
function readText(text: unknown): string | undefined {
  if (typeof text !== 'string' || text.length > MAX_TOKEN_BYTES) return malformed('a token is no text');
  return text.includes('\ufffd') || text.startsWith('bytes:') ? undefined : Buffer.from(text, 'utf8').toString('hex');
}

function readBytes(entry: Fields): string | undefined {
  const { bytes, token } = entry;
  if (!Array.isArray(bytes)) return readText(token);
  if (bytes.length > MAX_TOKEN_BYTES || !bytes.every((byte) => Number.isInteger(byte) && byte >= 0 && byte < 256)) {
    return malformed("a token's bytes are none");
  }
  return keepText(Uint8Array.from(bytes as number[]));
}

/** The token as all parties name it; undefined for a part of a character. */
export function keepText(bytes: Uint8Array): string | undefined {
  try {
    utf8Decode(bytes);
    return Buffer.from(bytes).toString('hex');
  } catch {
    return undefined;
  }
}

/** @returns undefined if too few of them have a text of their own: then the position is left out. */
function createListing(entries: readonly (readonly [string | undefined, number])[]): Listing {
  if (entries.length > MAX_LISTED) return malformed(`${entries.length} alternatives of one token`);
  // Some servers list nothing for the token that ends a reply.
  if (entries.length > 0 && entries.length < MIN_LISTED) {
    const shown = `the endpoint shows ${entries.length} alternatives of a token`;
    throw new CompareError('no-logprobs', `${shown}; at least ${MIN_LISTED} are needed to tell models apart`);
  }
  const named = entries.flatMap(([token, logprob]) => (token === undefined ? [] : [[token, logprob] as const]));
  const listing: Listing = new Map(named);
  return listing.size < MIN_LISTED ? new Map() : listing;
}

/** The first choice of a chat completion. @throws CompareError */
export function readChatTokens(choice: Fields, maxTokens: number): ShownTokens {
  const { logprobs } = choice;
  const content = isFields(logprobs) ? logprobs.content : undefined;
  if (!Array.isArray(content) || content.length === 0) throw noLogprobs();
  if (content.length > maxTokens) return malformed(`${content.length} tokens, ${maxTokens} were asked for`);
  const rows = content.map((entry: unknown) => {
    if (!isFields(entry) || !Array.isArray(entry.top_logprobs)) throw noLogprobs();
    const listed = entry.top_logprobs.map((other: unknown) =>
      isFields(other)
        ? ([readBytes(other), readLogprob(other.logprob)] as const)
        : malformed('an alternative is no object'),
    );
    return { token: readBytes(entry), listing: createListing(listed) };
  });
  return untilUnclear(rows);
}

/** The first choice of a completion. @throws CompareError */
export function readCompletionTokens(choice: Fields, maxTokens: number): ShownTokens {
  const { logprobs } = choice;
  if (!isFields(logprobs)) throw noLogprobs();
  const { tokens, top_logprobs: listed } = logprobs;
  if (!Array.isArray(tokens) || !Array.isArray(listed) || tokens.length === 0) throw noLogprobs();
  if (tokens.length > maxTokens || listed.length !== tokens.length) {
    return malformed(`${tokens.length} tokens with ${listed.length} lists, ${maxTokens} were asked for`);
  }
  const rows = tokens.map((token: unknown, i) => {
    const entries = listed[i] as unknown;
    if (!isFields(entries)) throw noLogprobs();
    const read = Object.entries(entries).map(([text, logprob]) => [readText(text), readLogprob(logprob)] as const);
    return { token: readText(token), listing: createListing(read) };
  });
  return untilUnclear(rows);
}

/** Stops before a token without a text of its own, since no model can continue after it. */
function untilUnclear(rows: readonly { readonly token: string | undefined; readonly listing: Listing }[]): ShownTokens {
  const end = rows.findIndex(({ token }) => token === undefined);
  const kept = end < 0 ? rows : rows.slice(0, end + 1);
  return { tokens: kept.flatMap(({ token }) => token ?? []), listings: kept.map(({ listing }) => listing) };
}

const noLogprobs = (): CompareError =>
  new CompareError('no-logprobs', 'the endpoint shows no log-probabilities, so that there is nothing to compare');
