import { toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import { type Check, fail, listSkipped, skip } from '@ogong/protocol/base/checks';
import { parseOpening } from '@ogong/protocol/commitment/opening';
import { nobleCrypto } from '@ogong/protocol/crypto/noble';
import { computeReplyId, parseOrder } from '@ogong/protocol/exchange/order';
import { parseHeader } from '@ogong/protocol/modality/text/commitment/header';
import { parseRequest } from '@ogong/protocol/modality/text/request/request';
import { checkShownAnswer, readShownMessage } from '@ogong/protocol/modality/text/stage1/shown-answer';
import { addPublishedRoot, type FindModelRoots } from '@ogong/protocol/stage1/published-root';
import { parseReceipt, type Receipt } from '@ogong/protocol/stage1/receipt';
import type { Trust } from '@ogong/protocol/stage1/trust';
import { ATTESTED_ROLES, type AttestedRole, rolePart } from '@ogong/protocol/tier/attested-role';
import type { Posture } from '@ogong/protocol/tier/posture';
import { checkPart, type VerifiedPart } from '@ogong/protocol/verdict/receipt/answer-part';
import { ReceiptError } from './errors.ts';
import { checkLinks, groupLinks } from './pictures/check-links.ts';
import { fetchIntake, fetchOpening, fetchReply, verifyReceipt } from './receipts.ts';

/** One choice of an answer and its proof. */
export interface CheckedReply {
  readonly choice: number;
  /** Hex. */
  readonly replyId: string;
  /** With its opening. */
  readonly receipt: Receipt;
  readonly checks: readonly Check[];
  /** Ids of checks that were skipped because the caller allows it. */
  readonly allowed: readonly string[];
  /** The promise that applied to it. */
  readonly posture: Posture | undefined;
  readonly request: Uint8Array;
  readonly response: Uint8Array;
  /** Of each provider that broke off before and had signed a part of this answer: whether that part holds, and is how the answer begins. */
  readonly parts: readonly Check[];
  /** Of a picture that was bought as a chain of orders: the links before this last one, in order. */
  readonly links?: readonly CheckedReply[];
}

export interface GatewayAnswer {
  /** As receipts name it. */
  readonly endpoint: string;
  /** The exact body that was sent. */
  readonly request: Uint8Array;
  /** Of each choice, by index, as the bytes that a provider signs: UTF-8 of a text, a list of vectors (docs/spec/embedding.md). */
  readonly responses: ReadonlyMap<number, Uint8Array>;
  /** Of each choice of a chat: the shown message, which the gateway parsed from the signed text. */
  readonly messages?: ReadonlyMap<number, unknown>;
  /** Number of requested choices. */
  readonly choices: number;
  /** The `ogong` field, as it came. */
  readonly ogong: unknown;
  /** The whole answer, for the error. */
  readonly response: unknown;
  /** Of the caller: it also ends what the checks fetch from the gateway. */
  readonly signal?: AbortSignal | undefined;
}

export interface CheckOptions {
  readonly baseUrl: string;
  readonly apiKey?: string;
  readonly fetch?: typeof globalThis.fetch;
  readonly trust?: Trust;
  /** Where to look up the published root of a model that `trust` does not name. */
  readonly findModelRoots?: FindModelRoots;
  /** Reads further trust for one receipt. Its fields prevail over those of `trust`. */
  readonly readTrust?: (receipt: Receipt) => Promise<Trust>;
  /** Ids of checks that may be skipped. */
  readonly allow?: readonly string[];
  /**
   * Checks the machines of these roles, as `checkReceiptRoles` of `@ogong/attestation` does. Default: `router-machine` and
   * `validator-machine` are skipped.
   */
  readonly checkRoles?: (receipt: Receipt, demanded: readonly AttestedRole[]) => Promise<readonly Check[]>;
}

/**
 * Checks every choice of an answer against a receipt of its own, openings included.
 * @throws ReceiptError naming the first check that failed, or those that were skipped without permission.
 */
export async function checkAnswer(answer: GatewayAnswer, options: CheckOptions): Promise<CheckedReply[]> {
  const { response } = answer;
  const listed = (answer.ogong as { receipts?: ListedReceipt[] } | undefined)?.receipts;
  if (!Array.isArray(listed)) throw new ReceiptError('missing', 'the answer came without receipts', { response });
  const check = (entry: ListedReceipt, about: GatewayAnswer) => checkOne(entry ?? {}, about, options);
  const replies = await Promise.all(
    groupLinks(listed, answer).map((links) =>
      links.length === 1
        ? check(links[0] as ListedReceipt, answer)
        : checkLinks(links, answer, { options, checkOne: check }),
    ),
  );
  replies.sort((a, b) => a.choice - b.choice);
  // There must be one receipt per choice, and no choice twice: otherwise one good reply could serve for several.
  const isComplete = replies.length === answer.choices && replies.every(({ choice }, index) => choice === index);
  if (!isComplete || new Set(replies.map(({ replyId }) => replyId)).size !== replies.length) {
    throw new ReceiptError('missing', `${answer.choices} choices were asked for, and not each has a receipt`, {
      response,
    });
  }
  return replies;
}

interface ListedReceipt {
  readonly reply_id?: unknown;
  readonly receipt?: unknown;
  /** The model's whole text, if the message is only a part of it. */
  readonly response?: unknown;
  readonly earlier_tries?: unknown;
}

async function checkOne(
  { receipt: json, response: written, earlier_tries: tries }: ListedReceipt,
  answer: GatewayAnswer,
  options: CheckOptions,
): Promise<CheckedReply> {
  const { request, response: whole, signal } = answer;
  let compact: Receipt;
  try {
    compact = parseReceipt(json);
  } catch (cause) {
    throw new ReceiptError('format', `a receipt cannot be read: ${(cause as Error).message}`, {
      response: whole,
      cause,
    });
  }
  const opened = await fetchOpening(compact, { ...options, signal }).catch((cause: unknown) => {
    signal?.throwIfAborted();
    const message = `the opening cannot be fetched: ${(cause as Error).message}`;
    throw new ReceiptError('opening', message, { receipt: compact, response: whole, cause });
  });
  const { choice, replyId } = readOrder(opened);
  const message = answer.messages?.get(choice);
  const isRead = message !== undefined && typeof written === 'string' && written.isWellFormed();
  const response = isRead ? utf8Encode(written) : (answer.responses.get(choice) ?? new Uint8Array(0));
  const { allow = [], findModelRoots, readTrust } = options;
  const given = { ...options.trust, ...(await readTrust?.(opened)) };
  const isWaited = !allow.includes('intake') && !given.allow?.includes('intake');
  // A gateway without such a receipt has none with the validator's confirmation either: then the check is skipped, with that reason.
  const receipt = isWaited
    ? await fetchIntake(opened, { ...options, signal, id: replyId }).catch(() => opened)
    : opened;
  signal?.throwIfAborted();
  const trust = findModelRoots === undefined ? given : await addPublishedRoot(given, receipt, findModelRoots);
  const verdict = await verifyReceipt(receipt, { request, response, nowMs: Date.now(), trust, allow });
  const roles = await checkRoles(receipt, readDemanded(request), options);
  const found = [...verdict.checks, ...roles];
  const refuted = found.find(({ status }) => status === 'fail');
  // Only signed texts can be read.
  const shown = message === undefined || refuted ? [] : [checkMessage(receipt, { request, response, message })];
  const failed =
    receipt.endpoint === answer.endpoint
      ? (refuted ?? shown.find(({ status }) => status === 'fail'))
      : { id: 'endpoint', detail: 'the receipt is for another kind of request' };
  const own = listSkipped(roles, [...allow, ...(given.allow ?? [])]);
  const missing = [...verdict.missing, ...own.missing];
  if (!failed && missing.length > 0) {
    const message = `not checked: ${missing.join(', ')}. Give what they need in trust, or name them in allow`;
    throw new ReceiptError('unchecked', message, { checks: found, receipt, response: whole });
  }
  if (failed || !verdict.ok) {
    const { id, detail } = failed ?? { id: 'receipt', detail: 'nothing could be checked' };
    throw new ReceiptError(id, `${id}: ${detail}`, { checks: found, receipt, response: whole });
  }
  const { posture } = verdict;
  const allowed = [...verdict.allowed, ...own.allowed];
  const checks = [...found, ...shown];
  const parts = await checkParts(tries, { receipt, request, response }, { ...options, trust, signal });
  return { choice, replyId, receipt, checks, allowed, posture, request, response, parts };
}

/** The roles that the sent request names: a gateway that leaves their evidence out has not fulfilled the request. */
function readDemanded(request: Uint8Array): readonly AttestedRole[] {
  let attested: unknown;
  try {
    attested = JSON.parse(new TextDecoder().decode(request))?.ogong?.attested;
  } catch {
    // The check of the request says so.
  }
  return Array.isArray(attested) ? ATTESTED_ROLES.filter((role) => attested.includes(role)) : [];
}

async function checkRoles(
  receipt: Receipt,
  demanded: readonly AttestedRole[],
  { checkRoles: check }: Pick<CheckOptions, 'checkRoles'>,
): Promise<Check[]> {
  const found = (await check?.(receipt, demanded)) ?? [];
  const checks = demanded.map(rolePart).map((id) => {
    if (receipt.evidence?.get(id) === undefined) return fail(id, 'the request demands it, and the receipt has none');
    return found.find((one) => one.id === id) ?? skip(id, "nobody looked at the machine's evidence: it takes a policy");
  });
  return [...checks, ...found.filter(({ id }) => !checks.some((one) => one.id === id))];
}

const MAX_PARTS = 8;

/** A part whose check fails does not spoil the answer, which its own receipt proves. It is only a reason not to pay for the part. */
async function checkParts(
  tries: unknown,
  whole: Omit<VerifiedPart, 'verdict'>,
  options: CheckOptions & Pick<GatewayAnswer, 'signal'>,
): Promise<Check[]> {
  const listed = Array.isArray(tries) ? tries.slice(0, MAX_PARTS) : [];
  const signed = listed.filter((one) => one instanceof Object && typeof one.url === 'string');
  return Promise.all(
    signed.map(async ({ reply_id: id }) => {
      try {
        const part = await fetchReply({ ...options, id: String(id) });
        const { trust, allow = [] } = options;
        // Its validator takes it in once the order is over, and so cannot have signed for it yet.
        const verdict = await verifyReceipt(part.receipt, {
          ...part,
          ...(trust && { trust }),
          allow: [...allow, 'intake'],
          nowMs: Date.now(),
        });
        return checkPart(nobleCrypto, whole, { ...part, verdict });
      } catch (error) {
        return fail('earlier-part', `its receipt cannot be read: ${(error as Error).message}`);
      }
    }),
  );
}

/** The message, against the text that the provider signed. */
function checkMessage(
  { opening }: Receipt,
  { request, response, message }: Pick<CheckedReply, 'request' | 'response'> & { readonly message: unknown },
): Check {
  const header = parseHeader(parseOpening((opening as { readonly bytes: Uint8Array }).bytes).header);
  return checkShownAnswer(header, { request: parseRequest(request, 'chat'), response }, readShownMessage(message));
}

function readOrder(receipt: Receipt): { choice: number; replyId: string } {
  try {
    const order = parseOrder(receipt.order.bytes);
    return { choice: order.choice, replyId: toHex(computeReplyId(nobleCrypto, receipt.ledger, order)) };
  } catch {
    // The checks will say so.
    return { choice: 0, replyId: '' };
  }
}
