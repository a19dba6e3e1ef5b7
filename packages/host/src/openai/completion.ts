import type { Endpoint, StopReason } from '@ogong/protocol/modality/text/commitment/header';
import type { InferenceRequest } from '@ogong/protocol/modality/text/request/request';
import { type ApiContext, getCallSignal } from '../http/api-app.ts';
import { toErrorBody } from '../http/api-error.ts';
import { showIgnored } from './answer-headers.ts';
import { streamEvents } from './event-stream.ts';
import { type AnswerToken, dialects, type Identity, type Json, type TokenUsage } from './format.ts';

/** Text and tokens of a choice as they come. */
export interface ChoicePart {
  readonly text: string;
  readonly tokens: readonly AnswerToken[];
}

/** A choice once it is whole. */
export interface ChoiceEnd extends ChoicePart, TokenUsage {
  readonly choice: number;
  readonly stopReason: StopReason;
}

/** What serves the choices of an answer. */
export interface ServedChoices<End extends ChoiceEnd> {
  readonly request: Pick<InferenceRequest, 'choices'>;
  /** Starts one choice; the signal is aborted where another choice failed. */
  readonly serve: (choice: number, signal: AbortSignal) => AsyncGenerator<ChoicePart, End>;
  /** Called once no choice runs any more. */
  readonly onEnd?: () => void;
}

/** One request of OpenAI's chat or completions API and what answers it. */
export interface CompletionAnswer<End extends ChoiceEnd> {
  readonly endpoint: Endpoint;
  readonly identity: Identity;
  readonly request: Pick<InferenceRequest, 'choices' | 'stream' | 'includeUsage' | 'logprobs' | 'dropped'>;
  /** Starts one choice; the signal is aborted where another choice failed. */
  readonly serve: (choice: number, signal: AbortSignal) => AsyncGenerator<ChoicePart, End>;
  /** Where several prompts are answered: choices of each. Default: all choices answer one prompt. */
  readonly choicesPerPrompt?: number;
  /** Extra fields of the body, or of the last chunk. */
  readonly toExtra?: (ends: readonly End[]) => Json;
  readonly headers?: Readonly<Record<string, string>>;
  readonly heartbeatMs: number;
  /** Called once no choice runs any more. */
  readonly onEnd?: () => void;
}

/** Answers with a body or a stream, as the request asks. @throws what a choice throws before anything is sent. */
export function answerCompletion<End extends ChoiceEnd>(
  context: ApiContext,
  answer: CompletionAnswer<End>,
): Promise<Response> {
  showIgnored(context, answer.request.dropped);
  return answer.request.stream ? streamCompletion(context, answer) : sendCompletion(context, answer);
}

async function sendCompletion<End extends ChoiceEnd>(
  context: ApiContext,
  answer: CompletionAnswer<End>,
): Promise<Response> {
  const { endpoint, identity, request, toExtra } = answer;
  const ends = await serveAll(context, answer, async (choice) => {
    for (;;) {
      const next = await choice.next();
      if (next.done) return next.value;
    }
  });
  const choices = ends.map(({ choice, text, stopReason, tokens }) => ({
    index: choice,
    text,
    stopReason,
    ...(request.logprobs ? { logprobs: tokens } : {}),
  }));
  const body = { ...dialects[endpoint].body(identity, choices, sumUsage(ends, answer)), ...toExtra?.(ends) };
  return context.json(body, 200, answer.headers);
}

function streamCompletion<End extends ChoiceEnd>(
  context: ApiContext,
  answer: CompletionAnswer<End>,
): Promise<Response> {
  const { endpoint, identity, request, toExtra, heartbeatMs, headers = {} } = answer;
  const dialect = dialects[endpoint];

  return streamEvents(
    context,
    async (sendEvent) => {
      const send = (chunk: Json) => sendEvent(request.includeUsage ? { usage: null, ...chunk } : chunk);
      let unfinished = request.choices;
      let last: End | undefined;
      const ends = await serveAll(context, answer, async (choice, index) => {
        const end = await streamChoice(choice, index, answer, send);
        unfinished--;
        // The very last chunk carries the extra fields, so it waits for the other choices.
        if (unfinished === 0 && !request.includeUsage) last = end;
        else await send(dialect.lastChunk(identity, end.choice, end.stopReason));
        return end;
      });
      const chunk = last
        ? dialect.lastChunk(identity, last.choice, last.stopReason)
        : dialect.usageChunk(identity, sumUsage(ends, answer));
      await sendEvent({ ...chunk, ...toExtra?.(ends) });
    },
    { headers, heartbeatMs, toFailure: (error) => toErrorBody(context.get('explain')(error)) },
  );
}

async function streamChoice<End extends ChoiceEnd>(
  choice: AsyncGenerator<ChoicePart, End>,
  index: number,
  { endpoint, identity, request }: CompletionAnswer<End>,
  send: (chunk: Json) => Promise<void>,
): Promise<End> {
  const dialect = dialects[endpoint];
  let isOpen = false;
  let offset = 0;
  for (;;) {
    const next = await choice.next();
    const opening = isOpen ? undefined : dialect.openChoice(identity, index);
    isOpen = true;
    if (opening) await send(opening);
    if (next.done) return next.value;
    const { text, tokens } = next.value;
    await send(dialect.chunk(identity, index, { text, offset, ...(request.logprobs ? { logprobs: tokens } : {}) }));
    offset += text.length;
  }
}

/**
 * Serves all choices at once. If one fails, the others are ended, since half an answer is useless.
 * @throws the first failure, once all have ended.
 */
export async function serveAll<End extends ChoiceEnd>(
  context: ApiContext,
  { request, serve, onEnd }: ServedChoices<End>,
  follow: (choice: AsyncGenerator<ChoicePart, End>, index: number) => Promise<End>,
): Promise<End[]> {
  const failed = new AbortController();
  const signal = AbortSignal.any([getCallSignal(context), failed.signal]);
  let first: { readonly error: unknown } | undefined;
  const results = await Promise.all(
    Array.from({ length: request.choices }, async (_, index) => {
      try {
        const choice = serve(index, signal);
        try {
          return await follow(choice, index);
        } finally {
          // Tell the provider that nobody reads any more; otherwise it goes on. What that says of itself is a failure like any
          // other.
          await choice.return(undefined as never);
        }
      } catch (error) {
        first ??= { error };
        failed.abort();
        return undefined;
      }
    }),
  );
  onEnd?.();
  if (first) throw first.error;
  return results as End[];
}

export function sumUsage(
  ends: readonly ChoiceEnd[],
  {
    request,
    choicesPerPrompt = request.choices,
  }: { readonly request: Pick<InferenceRequest, 'choices'>; readonly choicesPerPrompt?: number },
): TokenUsage {
  const cached = ends.flatMap(({ cachedTokens }) => cachedTokens ?? []);
  return {
    // A prompt that several choices read counts once, as it does with OpenAI.
    promptTokens: ends.reduce((sum, end) => sum + (end.choice % choicesPerPrompt === 0 ? end.promptTokens : 0), 0),
    outputTokens: ends.reduce((sum, { outputTokens }) => sum + outputTokens, 0),
    ...(cached.length === 0 ? {} : { cachedTokens: Math.max(...cached) }),
  };
}
