import type { ApiErrorCode } from '@ogong/host/http/api-error';
import { toHex } from '@ogong/protocol/base/bytes';
import { GATEWAY_ROUTES, PROVIDER_HEADER } from '@ogong/protocol/http/routes';
import type { CanaryRequest } from './compose-canary.ts';
import type { TestOutcome } from './drawn-tests.ts';

export type CanaryOutcome = TestOutcome;

export interface CanaryShop {
  /** Address of a gateway that much traffic comes from, `https://host` or on this machine. */
  readonly gateway: string;
  readonly key: string;
  readonly timeoutMs: number;
}

/** Whoever refuses before it begins is dealt with by its router (docs/spec/match.md). */
const MISSES: readonly string[] = [
  'provider_failed',
  'provider_timeout',
  'provider_unreachable',
  'ogong_check_failed',
] satisfies readonly ApiErrorCode[];
const LONGEST_ANSWER = 8 * 2 ** 20;

/** Buys one answer like any consumer, from one provider. Never rejects. */
export async function buyCanary(
  { gateway, key, timeoutMs }: CanaryShop,
  { endpoint, body }: CanaryRequest,
  { providerId, signal }: { readonly providerId: Uint8Array; readonly signal: AbortSignal },
): Promise<CanaryOutcome> {
  const { path } = GATEWAY_ROUTES[endpoint];
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
    return judgeAnswer(await readBounded(response));
  } catch {
    return 'unknown';
  }
}

/** By the code of the error that a body, or the last event of a stream, has. */
export function judgeAnswer(text: string): CanaryOutcome {
  const isStream = text.startsWith('data:') || text.startsWith(':');
  const parts = isStream ? listEvents(text) : [text];
  const read = parts.map(readJson);
  const code = read.map((part) => part?.error?.code).find((one) => one !== undefined);
  if (code !== undefined) return MISSES.includes(code) ? 'missed' : 'unknown';
  const isWhole = isStream ? text.includes('data: [DONE]') : read[0]?.choices !== undefined;
  return isWhole ? 'answered' : 'unknown';
}

interface AnswerPart {
  readonly choices?: unknown;
  readonly error?: { readonly code?: string };
}

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
    if (size > LONGEST_ANSWER) throw new RangeError('an answer of a canary is too long');
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}
