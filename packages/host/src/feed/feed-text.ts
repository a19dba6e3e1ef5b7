import { readFile, stat } from 'node:fs/promises';

/** A feed is one small object. */
const LONGEST_FEED = 4_096;
const TIMEOUT_MS = 10_000;

/**
 * Reads a feed: a JSON object in a file, or at an address of `https:` (or `http:`).
 * @throws Error that names the fault.
 */
export async function readFeed(place: string, signal: AbortSignal): Promise<Readonly<Record<string, unknown>>> {
  const text = /^https?:\/\//.test(place) ? await fetchText(place, signal) : await readText(place);
  return parseFeed(text);
}

/** @throws Error if it is no JSON. A value that is no object counts as one without fields. */
export function parseFeed(text: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error('the feed is no JSON');
  }
  return (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
}

/** Parses billionths of a dollar; undefined for any text but a decimal with at most nine digits on either side of the point. */
export function parseNanoUsd(text: string): bigint | undefined {
  const [, whole, fraction = ''] = /^(\d{1,9})(?:\.(\d{1,9}))?$/.exec(text) ?? [];
  return whole === undefined ? undefined : BigInt(whole + fraction.padEnd(9, '0'));
}

/** Reads the two fields of every feed. @throws Error if one of them is missing */
export function readUsdRate(feed: Readonly<Record<string, unknown>>): {
  readonly nanoUsd: bigint;
  readonly at: number;
} {
  const { usd_per_token: rate, at } = feed;
  const nanoUsd = typeof rate === 'string' ? parseNanoUsd(rate) : undefined;
  if (nanoUsd === undefined || nanoUsd === 0n) {
    throw new Error('the feed has no usd_per_token: a decimal above 0 in quotes, such as "0.051"');
  }
  if (typeof at !== 'number' || !Number.isSafeInteger(at) || at < 0) {
    throw new Error('the feed has no at: Unix time in whole seconds');
  }
  return { nanoUsd, at };
}

async function readText(path: string): Promise<string> {
  // The operator's own file: it does not grow between the two.
  assertSize((await stat(path)).size);
  return (await readFile(path)).toString('utf8');
}

async function fetchText(address: string, signal: AbortSignal): Promise<string> {
  const response = await fetch(address, {
    signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    redirect: 'error',
  });
  if (!response.ok) throw new Error(`the feed answers with status ${response.status}`);
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    assertSize(size);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function assertSize(sizeBytes: number): void {
  if (sizeBytes > LONGEST_FEED) throw new Error(`the feed is longer than ${LONGEST_FEED} bytes`);
}
