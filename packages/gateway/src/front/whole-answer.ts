import type { ApiContext } from '@ogong/host/http/api-app';
import { getCallSignal } from '@ogong/host/http/api-app';
import { ApiError } from '@ogong/host/http/api-error';
import { readSplitBody } from '@ogong/host/http/media-body';
import { parseTraceParent } from '@ogong/host/metrics/trace-context';
import { showIgnored } from '@ogong/host/openai/answer-headers';
import type { Json } from '@ogong/host/openai/format';
import { toHex } from '@ogong/protocol/base/bytes';
import { RECEIPT_HEADER } from '@ogong/protocol/http/routes';
import { ENDPOINT_INFO, type EndpointName } from '@ogong/protocol/modality/endpoints';
import type { CommonRequest } from '@ogong/protocol/modality/modality';
import { receiptPath } from '../books/receipt-store.ts';
import type { AnswerForm, BoughtAnswer } from '../buy/reply.ts';
import { createReplyTurns } from '../buy/reply-turns.ts';
import { readUnderPolicy } from '../buy/settle-policy.ts';
import { assertModel, type CompletionsDependencies, readProvider } from './completions.ts';
import { isInline, toOgongField } from './ogong-field.ts';
import type { KeyedHandler } from './sign-in.ts';

/** A request whose dropped fields the answer names. */
interface WholeRequest extends CommonRequest {
  readonly dropped: readonly string[];
}

/** One order of a call. */
interface OrderPart {
  readonly body: Uint8Array;
  /** Number of its first input among those of the call. */
  readonly first: number;
}

/** Rules of one endpoint whose answer comes whole. */
export interface WholeApi<Q extends WholeRequest, R extends BoughtAnswer> {
  readonly endpoint: EndpointName;
  /**
   * Splits a body into those of its orders. Default: one order has all of it.
   * @param most inputs of one order. Default: as many as any order has. @throws RequestError
   */
  readonly split?: (body: Uint8Array, most?: number) => readonly OrderPart[];
  /** Reads the most inputs of one order from a provider's refusal, if it names them. */
  readonly readMost?: (message: string) => number | undefined;
  /** The most bytes of a body that is split. Default: those of one order. */
  readonly maxBytes?: number;
  readonly parse: (body: Uint8Array) => Q;
  readonly createForm: (request: Q) => AnswerForm<R>;
  /** @param replies those of all orders, in their order. @param request of the first order. */
  readonly format: (request: Q, replies: readonly R[]) => Json;
  /** Adds fields to the receipts, if the answer alone does not show all signed values. */
  readonly addProof?: (replies: readonly R[]) => Json;
  /** Words a refusal of an order for its call. Default: unchanged. */
  readonly wordRefusal?: (message: string, first: number) => string;
}

/** Orders of one call that run at once. */
const MOST_AT_ONCE = 4;

/** Buys a reply for each order of a request, and answers with one document. Each reply has a receipt of its own. */
export function createWholeHandler<Q extends WholeRequest, R extends BoughtAnswer>(
  dependencies: CompletionsDependencies,
  api: WholeApi<Q, R>,
): KeyedHandler {
  const { limits, rates, contexts, randomBytes, settle, names } = dependencies;
  const { endpoint, parse, createForm, format, addProof } = api;
  const { split = (body) => [{ body, first: 0 }], maxBytes = 0, wordRefusal = (message) => message } = api;
  const { readMost = () => undefined } = api;
  return async (context: ApiContext, key) => {
    const call = await limits.begin(context, key);
    try {
      const isChecked = isInline(context);
      const given = await readSplitBody(context, call.bodyLimits, maxBytes);
      const named = await names.resolve(given, key, isChecked);
      const cut = (most?: number) =>
        split(named, most).map(({ body, first }) => ({
          ...readUnderPolicy({ body, isChecked }, settle, parse),
          first,
        }));
      const parts = cut();
      const { request } = parts[0] as (typeof parts)[number];
      assertModel(request.model, key);
      await contexts.assertServes(request);
      showIgnored(context, request.dropped);
      const completionId = `${ENDPOINT_INFO[endpoint].idPrefix}-${toHex(randomBytes(18))}`;
      const provider = readProvider(context);
      const caller = parseTraceParent(context.req.header('traceparent'));
      const count = (asked: typeof parts) => asked.map((part) => ({ request: part.request, count: 1 }));
      const payer = await call.charge(() => count(parts));
      const terms = await call.register(completionId);
      const { settlementType } = terms;
      const shared = { completionId, endpoint, key: payer, signal: getCallSignal(context) };
      const serveParts = async (asked: typeof parts): Promise<readonly PromiseSettledResult<R>[]> => {
        const turns = createReplyTurns(dependencies.replies, MOST_AT_ONCE);
        const metered = await rates.meter(context, payer, turns, count(asked));
        const serveFrom = (from: number, to?: number) =>
          Promise.allSettled(
            asked.slice(from, to).map(async ({ first, ...part }, i) => {
              const place = { choice: 0, index: from + i, provider, caller, settlementType };
              const job = { ...shared, ...part, ...place, form: createForm(part.request) };
              try {
                return await buy(metered.serve<Q, R>(job));
              } catch (error) {
                throw reword(error, (message) => wordRefusal(message, first));
              }
            }),
          );
        // The first order goes ahead: if it has too many inputs, no other is bought in vain.
        return [...(await serveFrom(0, 1)), ...(await serveFrom(1))];
      };
      const results = await serveParts(parts);
      // The size of an answer is bounded, and only a provider knows the size of its vectors. A client that checks asks for parts itself.
      const most = isChecked ? undefined : findMost(results[0], readMost);
      const smaller = most === undefined ? parts : cut(most);
      // The same orders would be refused again.
      const last = countFirst(smaller) < countFirst(parts) ? await serveParts(smaller) : results;
      const bought = takeBought(last, completionId);
      const ogong = { ...toOgongField(context, bought, terms), ...addProof?.(bought) };
      return context.json({ ...format(request, bought), ogong }, 200, {
        [RECEIPT_HEADER]: receiptPath(completionId),
      });
    } catch (error) {
      throw await names.explain(error, key);
    } finally {
      call.leave();
    }
  };
}

/** Counts the inputs of the first of several orders. An only order counts as the largest. */
const countFirst = ([, second]: readonly OrderPart[]): number => second?.first ?? Number.POSITIVE_INFINITY;

async function buy<R>(stream: AsyncGenerator<unknown, R>): Promise<R> {
  for (;;) {
    const next = await stream.next();
    if (next.done) return next.value;
  }
}

/** Finds the most inputs of one order in the refusal of the first one. */
function findMost(
  first: PromiseSettledResult<unknown> | undefined,
  readMost: (message: string) => number | undefined,
): number | undefined {
  const reason = first?.status === 'rejected' ? first.reason : undefined;
  return reason instanceof ApiError && reason.code === 'request_refused' ? readMost(reason.message) : undefined;
}

/** Returns all replies of a call. @throws the first failure, with the number of replies that are paid all the same. */
function takeBought<R>(results: readonly PromiseSettledResult<R>[], completionId: string): readonly R[] {
  const bought = results.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const failed = results.find(({ status }) => status === 'rejected') as PromiseRejectedResult | undefined;
  if (failed === undefined) return bought;
  const { length: count } = bought;
  if (count === 0) throw failed.reason;
  const where = `${receiptPath(completionId)}?choice=0${count > 1 ? ` to ${count - 1}` : ''}`;
  const paid = `${count} of the ${results.length} orders of this call were answered and are paid: ${where}.`;
  throw reword(failed.reason, (message) => `${message} ${paid}`);
}

/** Changes the message of an error that the client sees. */
function reword(error: unknown, word: (message: string) => string): unknown {
  if (!(error instanceof ApiError)) return error;
  const message = word(error.message);
  if (message === error.message) return error;
  const { retryAfterS, ...details } = error;
  return new ApiError(error.code, message, { ...details, ...(retryAfterS && { retryAfterS }), cause: error });
}
