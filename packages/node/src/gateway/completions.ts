import type { ServerResponse } from 'node:http';
import type { Clock } from '@ogong/host/time/clock';
import type { Check } from '@ogong/protocol/base/checks';
import type { Endpoint } from '@ogong/protocol/commitment/header';
import { parseModelId } from '@ogong/protocol/exchange/match';
import { type InferenceRequest, parseRequest } from '@ogong/protocol/exchange/request';
import { type ReceiptJson, toReceiptJson } from '@ogong/protocol/stage1/receipt';
import type { KeyHolder } from './api-keys.ts';
import { createEventStream, type EventStream } from './event-stream.ts';
import { toErrorBody, toGatewayError } from './gateway-error.ts';
import { sendJson } from './http-server.ts';
import { dialects, type Identity, type Json } from './openai-format.ts';
import { createModelNotFound } from './provider-match.ts';
import { receiptPath, toCompactReceipt } from './receipt-store.ts';
import type { Reply, ReplyJob, ReplyService } from './reply-service.ts';

/** What rides along with an answer: field `ogong` of a body, or of the last chunk of a stream. */
export interface OgongField {
  readonly receipts: readonly {
    readonly reply_id: string;
    readonly url: string;
    readonly checks: readonly Check[];
    readonly receipt: ReceiptJson;
  }[];
}

export interface CompletionCall {
  readonly endpoint: Endpoint;
  readonly body: Uint8Array;
  readonly key: KeyHolder;
  readonly response: ServerResponse;
  readonly signal: AbortSignal;
}

export interface CompletionsDependencies {
  readonly replies: ReplyService;
  readonly clock: Clock;
  readonly randomBytes: (length: number) => Uint8Array;
  readonly heartbeatMs: number;
  readonly onError: (error: unknown) => void;
}

/** @throws GatewayError or RequestError while nothing is sent yet. */
export async function serveCompletion(call: CompletionCall, dependencies: CompletionsDependencies): Promise<void> {
  const request = parseRequest(call.body, call.endpoint);
  assertModelId(request.model);
  const prefix = call.endpoint === 'chat' ? 'chatcmpl' : 'cmpl';
  const identity: Identity = {
    id: `${prefix}-${Buffer.from(dependencies.randomBytes(18)).toString('base64url')}`,
    created: Math.floor(dependencies.clock.nowMs() / 1000),
    model: request.model,
  };
  // One choice that fails ends the others: half an answer is none.
  const failed = new AbortController();
  const signal = AbortSignal.any([call.signal, failed.signal]);
  const jobs = Array.from({ length: request.choices }, (_, choice): ReplyJob => {
    const { endpoint, body, key } = call;
    return { completionId: identity.id, choice, endpoint, body, request, key, signal };
  });
  const serve = request.stream ? streamCompletion : sendCompletion;
  await serve({ ...call, signal }, { identity, request, jobs, dependencies, cancel: () => failed.abort() });
}

interface Work {
  readonly identity: Identity;
  readonly request: InferenceRequest;
  readonly jobs: readonly ReplyJob[];
  readonly dependencies: CompletionsDependencies;
  readonly cancel: () => void;
}

async function sendCompletion({ endpoint, response }: CompletionCall, work: Work): Promise<void> {
  const { identity, request, jobs, dependencies, cancel } = work;
  const replies = await allOrCancel(
    jobs.map(async (job) => {
      const stream = dependencies.replies.serve(job);
      for (;;) {
        const next = await stream.next();
        if (next.done) return next.value;
      }
    }),
    cancel,
  );
  const choices = replies.map(({ choice, text, stopReason, tokens }) => ({
    index: choice,
    text,
    stopReason,
    ...(request.logprobs ? { logprobs: tokens } : {}),
  }));
  response.setHeader('x-ogong-receipt', receiptPath(identity.id));
  sendJson(response, 200, {
    ...dialects[endpoint].body(identity, choices, sumUsage(replies)),
    ogong: toOgongField(replies),
  });
}

async function streamCompletion({ endpoint, response, signal }: CompletionCall, work: Work): Promise<void> {
  const { identity, request, jobs, dependencies, cancel } = work;
  const { heartbeatMs, onError } = dependencies;
  const headers = { 'x-ogong-receipt': receiptPath(identity.id) };
  const events = createEventStream(response, { heartbeatMs, headers, signal });
  const dialect = dialects[endpoint];
  // With usage asked for, every other chunk says that it has none.
  const send = (chunk: Json) => events.send(request.includeUsage ? { usage: null, ...chunk } : chunk);
  try {
    let unfinished = jobs.length;
    const replies = await allOrCancel(
      jobs.map(async (job) => {
        const reply = await streamChoice(job, work, send);
        unfinished--;
        // The very last chunk of all carries the receipts, so it waits for the other choices.
        const isLast = unfinished === 0 && !request.includeUsage;
        if (!isLast) await send(dialect.lastChunk(identity, reply.choice, reply.stopReason));
        return { reply, isLast };
      }),
      cancel,
    );
    const all = replies.map(({ reply }) => reply);
    const last = replies.find(({ isLast }) => isLast)?.reply;
    const chunk = last
      ? dialect.lastChunk(identity, last.choice, last.stopReason)
      : dialect.usageChunk(identity, sumUsage(all));
    await events.send({ ...chunk, ogong: toOgongField(all) });
    events.end();
  } catch (error) {
    endWithError(events, error, response, onError);
  }
}

async function streamChoice(job: ReplyJob, work: Work, send: (chunk: Json) => Promise<void>): Promise<Reply> {
  const { identity, request, dependencies } = work;
  const dialect = dialects[job.endpoint];
  const stream = dependencies.replies.serve(job);
  let isOpen = false;
  let offset = 0;
  const open = async (): Promise<void> => {
    const chunk = isOpen ? undefined : dialect.openChoice(identity, job.choice);
    isOpen = true;
    if (chunk) await send(chunk);
  };
  try {
    for (;;) {
      const next = await stream.next();
      await open();
      if (next.done) return next.value;
      const { text, tokens } = next.value;
      await send(
        dialect.chunk(identity, job.choice, { text, offset, ...(request.logprobs ? { logprobs: tokens } : {}) }),
      );
      offset += text.length;
    }
  } finally {
    // Whoever stopped reading has to say so, or the provider goes on.
    await stream.return(undefined as never);
  }
}

/** Before the first byte an error has a status; afterwards it is an event, and the stream ends without [DONE]. */
function endWithError(
  events: EventStream,
  error: unknown,
  response: ServerResponse,
  onError: (error: unknown) => void,
): void {
  if (!events.isOpen()) throw error;
  if (response.destroyed) return;
  const shown = toGatewayError(error);
  if (shown.code === 'internal_error') onError(shown.cause);
  events.end(toErrorBody(shown));
}

/** All results, or the first failure, once every one of them has ended. */
async function allOrCancel<T>(work: readonly Promise<T>[], cancel: () => void): Promise<T[]> {
  let first: { readonly error: unknown } | undefined;
  const watched = work.map((one) =>
    one.catch((error: unknown) => {
      first ??= { error };
      cancel();
      throw error;
    }),
  );
  const results = await Promise.allSettled(watched);
  if (first) throw first.error;
  return results.map((result) => (result as PromiseFulfilledResult<T>).value);
}

function sumUsage(replies: readonly Reply[]): { promptTokens: number; outputTokens: number } {
  return {
    // Every choice reads the same prompt, which counts once, as it does with OpenAI.
    promptTokens: replies[0]?.promptTokens ?? 0,
    outputTokens: replies.reduce((sum, { outputTokens }) => sum + outputTokens, 0),
  };
}

function toOgongField(replies: readonly Reply[]): OgongField {
  return {
    receipts: replies.map(({ replyId, receipt, checks }) => ({
      reply_id: replyId,
      url: receiptPath(replyId),
      checks,
      receipt: toReceiptJson(toCompactReceipt(receipt, replyId)),
    })),
  };
}

function assertModelId(model: string): void {
  try {
    parseModelId(model);
  } catch (cause) {
    throw createModelNotFound(model, cause);
  }
}
