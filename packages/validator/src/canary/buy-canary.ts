import type { ApiErrorCode } from '@ogong/host/http/api-error';
import type { Clock } from '@ogong/host/time/clock';
import { toHex } from '@ogong/protocol/base/bytes';
import { GATEWAY_ROUTES, PROVIDER_HEADER } from '@ogong/protocol/http/routes';
import { type CanaryRequest, findCanaryForm } from './compose-canary.ts';
import type { TestEnd, TestPace } from './drawn-tests.ts';

export interface CanaryShop {
  /** Address of a gateway that much traffic comes from, `https://host` or on this machine. */
  readonly gateway: string;
  readonly key: string;
  readonly timeoutMs: number;
  /** This validator's own clock. */
  readonly clock: Clock;
}

/**
 * Error codes that count as a miss. A refusal before the start is handled by the provider's router
 * (docs/spec/match.md). An order that its provider ends is a miss: the network itself wrote the request.
 */
const MISSES: readonly string[] = [
  'provider_failed',
  'provider_ended',
  'provider_timeout',
  'provider_unreachable',
  'ogong_check_failed',
] satisfies readonly ApiErrorCode[];
const LONGEST_ANSWER = 8 * 2 ** 20;

/** Buys one answer from one provider, as any consumer does. Never rejects. */
export async function buyCanary(
  { gateway, key, timeoutMs, clock }: CanaryShop,
  { endpoint, body }: CanaryRequest,
  { providerId, signal }: { readonly providerId: Uint8Array; readonly signal: AbortSignal },
): Promise<TestEnd> {
  const { path } = GATEWAY_ROUTES[endpoint];
  const startMs = clock.nowMs();
  try {
    const response = await fetch(`${gateway}${path}`, {
      method: 'POST',
      redirect: 'error',
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${key}`,
        [PROVIDER_HEADER]: toHex(providerId),
      },
      body: Buffer.from(body),
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    });
    return classifyAnswer(await readBounded(response), { endpoint, waitedMs: clock.nowMs() - startMs });
  } catch {
    return { outcome: 'unknown' };
  }
}

/**
 * Classifies an answer by the error code in the body or in the last event of a stream.
 * @param waitedMs time that this validator waited, by its own clock.
 */
export function classifyAnswer(
  text: string,
  { endpoint, waitedMs }: { readonly endpoint: CanaryRequest['endpoint']; readonly waitedMs: number },
): TestEnd {
  const isStream = text.startsWith('data:') || text.startsWith(':');
  const parts = isStream ? listEvents(text) : [text];
  const read = parts.map(readJson);
  const code = read.map((part) => part?.error?.code).find((one) => one !== undefined);
  if (code !== undefined) return { outcome: MISSES.includes(code) ? 'missed' : 'unknown' };
  const [first] = read;
  const isWhole = isStream
    ? text.includes('data: [DONE]')
    : first !== undefined && findCanaryForm(endpoint)?.isAnswer({ ...first }) === true;
  if (!isWhole) return { outcome: 'unknown' };
  const measured = read.map((part) => part?.ogong?.receipts?.[0]).find((one) => one !== undefined);
  return { outcome: 'answered', pace: readPace(measured, waitedMs) };
}

interface AnswerPart {
  readonly ogong?: { readonly receipts?: readonly MeasuredReply[] };
  readonly error?: { readonly code?: string };
}

/** Measurements of a reply that a gateway adds to its receipt. */
interface MeasuredReply {
  readonly output_tokens?: unknown;
  readonly first_token_ms?: unknown;
  readonly took_ms?: unknown;
}

/**
 * Returns the provider's speed from the order on, by the gateway's clock: before the order, the gateway lets a test's
 * ticket age. No time may exceed this validator's own wait. Of several choices the first counts.
 * @returns undefined if the gateway sends no measurements, or the answer is empty.
 */
function readPace(measured: MeasuredReply | undefined, waitedMs: number): TestPace | undefined {
  const { output_tokens: tokens, first_token_ms: firstMs, took_ms: tookMs } = measured ?? {};
  if (!isCount(tokens) || !isCount(firstMs) || !isCount(tookMs)) return undefined;
  const longestMs = Math.max(1, Math.ceil(waitedMs));
  return { tokens, firstMs: Math.min(firstMs, longestMs), tookMs: Math.min(tookMs, longestMs) };
}

const isCount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value > 0;

const listEvents = (text: string): readonly string[] =>
  text.split('\n').flatMap((line) => (line.startsWith('data: {') ? [line.slice('data: '.length)] : []));

function readJson(text: string): AnswerPart | undefined {
  try {
    return JSON.parse(text) as AnswerPart;
  } catch {
    return undefined;
  }
}

async function readBounded(response: Response): Promise<string> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of response.body ?? []) {
    size += part.length;
    if (size > LONGEST_ANSWER) throw new RangeError('the answer to a canary is too long');
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}
