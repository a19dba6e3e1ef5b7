import type { ApiContext } from '@ogong/host/http/api-app';
import { getCallSignal } from '@ogong/host/http/api-app';
import { readJsonBody } from '@ogong/host/http/body';
import { parseTraceParent } from '@ogong/host/metrics/trace-context';
import { showIgnored } from '@ogong/host/openai/answer-headers';
import type { Json } from '@ogong/host/openai/format';
import { toHex } from '@ogong/protocol/base/bytes';
import { RECEIPT_HEADER } from '@ogong/protocol/http/routes';
import { ENDPOINT_INFO, type EndpointName } from '@ogong/protocol/modality/endpoints';
import type { CommonRequest } from '@ogong/protocol/modality/modality';
import { receiptPath } from '../books/receipt-store.ts';
import type { AnswerForm, BoughtAnswer } from '../buy/reply.ts';
import { readUnderPolicy } from '../buy/settle-policy.ts';
import { assertModel, type CompletionsDependencies, readProvider } from './completions.ts';
import { isInline, toOgongField } from './ogong-field.ts';
import type { KeyedHandler } from './sign-in.ts';

/** A request whose dropped fields the answer names. */
interface WholeRequest extends CommonRequest {
  readonly dropped: readonly string[];
}

/** Rules of one endpoint whose answer comes whole, from one reply. */
export interface WholeApi<Q extends WholeRequest, R extends BoughtAnswer> {
  readonly endpoint: EndpointName;
  readonly parse: (body: Uint8Array) => Q;
  readonly createForm: (request: Q) => AnswerForm<R>;
  readonly format: (request: Q, reply: R) => Json;
  /** Adds fields to the receipts, if the answer alone does not show all signed values. */
  readonly addProof?: (reply: R) => Json;
}

/** Buys one reply for a request, and answers with one document and one receipt. */
export function createWholeHandler<Q extends WholeRequest, R extends BoughtAnswer>(
  dependencies: CompletionsDependencies,
  { endpoint, parse, createForm, format, addProof }: WholeApi<Q, R>,
): KeyedHandler {
  const { limits, rates, contexts, replies, randomBytes, settle, names } = dependencies;
  return async (context: ApiContext, key) => {
    const call = await limits.begin(context, key);
    try {
      const isChecked = isInline(context);
      const given = await readJsonBody(context, call.bodyLimits);
      const asked = { body: await names.resolve(given, key, isChecked), isChecked };
      const { body, request } = readUnderPolicy(asked, settle, parse);
      assertModel(request.model, key);
      await contexts.assertServes(request);
      showIgnored(context, request.dropped);
      const completionId = `${ENDPOINT_INFO[endpoint].idPrefix}-${toHex(randomBytes(18))}`;
      const signal = getCallSignal(context);
      const form = createForm(request);
      const provider = readProvider(context);
      const caller = parseTraceParent(context.req.header('traceparent'));
      const payer = await call.charge(() => [{ request, count: 1 }]);
      const bought = { completionId, choice: 0, endpoint, body, request, form };
      const metered = await rates.meter(context, payer, replies, [{ request, count: 1 }]);
      const terms = await call.register(completionId);
      const { settlementType } = terms;
      const job = { ...bought, key: payer, signal, provider, caller, settlementType };
      const reply = await buy(metered.serve<Q, R>(job));
      const ogong = { ...toOgongField(context, [reply], terms), ...addProof?.(reply) };
      return context.json({ ...format(request, reply), ogong }, 200, {
        [RECEIPT_HEADER]: receiptPath(completionId),
      });
    } catch (error) {
      throw await names.explain(error, key);
    } finally {
      call.leave();
    }
  };
}

async function buy<R>(stream: AsyncGenerator<unknown, R>): Promise<R> {
  for (;;) {
    const next = await stream.next();
    if (next.done) return next.value;
  }
}
