import { fromBase64 } from '@ogong/protocol/base/bytes';
import type { Check } from '@ogong/protocol/base/checks';
import { quickCrypto } from '@ogong/protocol/crypto/quick-noble';
import { formatPath, GATEWAY_ROUTES } from '@ogong/protocol/http/routes';
import type { LocalReceipt } from '@ogong/protocol/stage1/local-receipt';
import { parseReceipt, type Receipt } from '@ogong/protocol/stage1/receipt';
import type { Trust } from '@ogong/protocol/stage1/trust';
import type { IntakeEvidence, SettledEvidence, UnsettledReply } from '@ogong/protocol/verdict/receipt/settled';
import { verifyLocalReceipt as verifyLocallyWith } from '@ogong/protocol/verdict/receipt/verify-local-receipt';
import type { ReceiptVerdict } from '@ogong/protocol/verdict/receipt/verify-receipt';
import { verifyWithoutBlobs } from '@ogong/protocol/verdict/receipt/verify-without-blobs';
import { GatewayApiError } from './errors.ts';

export interface ReceiptInput {
  /** The exact body that was sent. */
  readonly request: Uint8Array;
  /** UTF-8 of a text; the bytes of an embedding's vectors, one after the other; the RGB8 pixels of a picture. */
  readonly response: Uint8Array;
  readonly trust?: Trust;
  /** Ids of checks that may be skipped, beside those in `trust.allow`. */
  readonly allow?: readonly string[];
  readonly nowMs?: number;
  /** The gateway's report on the reply: then its judged record has to be the one of this receipt. */
  readonly status?: ReplyStatus;
  /** The validator's confirmation of the record, as the reader requested it; used if the receipt has none. */
  readonly intake?: IntakeEvidence | UnsettledReply;
  /** The way from the reply into the chain, as the reader collected it (docs/spec/receipt.md, "Settled"); it is checked. */
  readonly settled?: SettledEvidence | UnsettledReply;
}

/**
 * Checks everything that a receipt proves without a model; never throws or rejects. A check that lacks its trust is skipped, and then `ok` is false,
 * unless `allow` names the check. `links` and `projections` of a picture are always allowed: its gateway has checked them against the
 * model's outputs, which no other reader gets.
 */
export function verifyReceipt(
  receipt: Receipt,
  { trust = {}, allow = [], ...input }: ReceiptInput,
): Promise<ReceiptVerdict> {
  return verifyWithoutBlobs(receipt, { crypto: quickCrypto, ...input, trust: addAllowed(trust, allow) });
}

/**
 * The same for an answer of local mode, which nobody signed: checks that it cannot have are skipped by name (docs/spec/local-receipt.md).
 */
export function verifyLocalReceipt(
  receipt: LocalReceipt,
  { trust = {}, allow = [], ...input }: Pick<ReceiptInput, 'request' | 'response' | 'trust' | 'allow' | 'nowMs'>,
): ReceiptVerdict {
  return verifyLocallyWith(receipt, { crypto: quickCrypto, ...input, trust: addAllowed(trust, allow) });
}

const addAllowed = (trust: Trust, allow: readonly string[]): Trust => ({
  ...trust,
  allow: [...(trust.allow ?? []), ...allow],
});

/** The state of a reply on the network, as its gateway reports it. The receipt does not prove this. */
export interface ReplyStatus {
  readonly state: string;
  readonly verdict: string;
  readonly fee_atomic: string | null;
  /** Hash of the record to which the validator gave a verdict; hex. */
  readonly record_hash: string | null;
  readonly max_fee_atomic: string;
  readonly settlement: string | null;
  readonly validator: string;
  readonly detail: string;
}

export interface FetchedReceipt {
  readonly receipt: Receipt;
  readonly status: ReplyStatus;
  /** The gateway's own checks. */
  readonly checks: readonly Check[];
}

export interface FetchReceiptOptions {
  readonly baseUrl: string;
  /** Reply or completion id. */
  readonly id: string;
  readonly apiKey?: string;
  readonly compact?: boolean;
  readonly fetch?: typeof globalThis.fetch;
  readonly signal?: AbortSignal | undefined;
}

/** @throws GatewayApiError, ProtocolError */
export async function fetchReceipt({
  baseUrl,
  id,
  compact = false,
  ...rest
}: FetchReceiptOptions): Promise<FetchedReceipt> {
  const path = `${formatPath(GATEWAY_ROUTES.receipt, { id })}${compact ? '?compact=1' : ''}`;
  const body = (await (await get(new URL(path, baseUrl), rest)).json()) as Record<string, unknown>;
  return {
    receipt: parseReceipt(body),
    status: body.status as ReplyStatus,
    checks: body.checks as Check[],
  };
}

/** Fetches a receipt with request and response. @throws GatewayApiError, ProtocolError */
export async function fetchReply({
  baseUrl,
  id,
  ...rest
}: Omit<FetchReceiptOptions, 'compact'>): Promise<
  Pick<ReceiptInput, 'request' | 'response'> & Pick<FetchedReceipt, 'receipt'>
> {
  const path = formatPath(GATEWAY_ROUTES.receipt, { id });
  const body = (await (await get(new URL(path, baseUrl), rest)).json()) as Record<string, unknown>;
  const read = (field: unknown): Uint8Array => fromBase64(typeof field === 'string' ? field : '');
  return { receipt: parseReceipt(body), request: read(body.request), response: read(body.response) };
}

/**
 * Replaces the address of the opening by the opening. It is fetched from the same gateway only: a receipt must not make its reader call
 * other hosts.
 * @throws Error if the receipt names anything but a path, or the gateway sends its reader elsewhere.
 */
export async function fetchOpening(
  receipt: Receipt,
  { baseUrl, ...rest }: Pick<FetchReceiptOptions, 'baseUrl' | 'apiKey' | 'fetch' | 'signal'>,
): Promise<Receipt> {
  if (!('url' in receipt.opening)) return receipt;
  const url = resolveOpeningUrl(receipt.opening.url, baseUrl);
  return { ...receipt, opening: { bytes: new Uint8Array(await (await get(url, rest)).arrayBuffer()) } };
}

/** Pauses between two looks, ms: most validators have signed before the second one. */
const PAUSES_MS = [50, 100, 200, 400, 800, 1_600, 3_200];

/**
 * Adds the validator's confirmation of the record, which the gateway receives soon after the answer. Other data of the gateway is ignored.
 * @param id of the reply.
 * @returns the receipt as it is, if the gateway has no confirmation after 6 s: then the check `intake` is skipped.
 */
export async function fetchIntake(receipt: Receipt, options: Omit<FetchReceiptOptions, 'compact'>): Promise<Receipt> {
  for (const pauseMs of [0, ...PAUSES_MS]) {
    if (receipt.intake) return receipt;
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    options.signal?.throwIfAborted();
    const { intake } = (await fetchReceipt({ ...options, compact: true })).receipt;
    if (intake) return { ...receipt, intake };
  }
  return receipt;
}

/** One slash, then no second slash: `//host` is another host, and browsers read a backslash as a slash. */
const LOCAL_PATH = /^\/(?![/\\])[\x21-\x7e]*$/;

function resolveOpeningUrl(path: string, baseUrl: string): URL {
  const base = new URL(baseUrl);
  const url = LOCAL_PATH.test(path) ? new URL(path, base) : undefined;
  if (url === undefined || url.origin !== base.origin) {
    throw new Error(`the receipt may name its opening by a path of ${base.origin} only, not as ${path.slice(0, 200)}`);
  }
  return url;
}

async function get(
  url: URL,
  { apiKey, fetch = globalThis.fetch, signal }: Pick<FetchReceiptOptions, 'apiKey' | 'fetch' | 'signal'>,
): Promise<Response> {
  const headers = apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` };
  const response = await fetch(url, { headers, redirect: 'error', ...(signal && { signal }) });
  if (!response.ok) throw new GatewayApiError(response.status, await response.json().catch(() => null));
  return response;
}
