import type { Endpoint } from '@ogong/protocol/modality/text/commitment/header';
import {
  type ChoiceDelta,
  type ChoiceFinish,
  COMPLETION_FORMATS,
  type Identity,
  type TokenUsage,
} from '@ogong/protocol/modality/text/dialect/completion-formats';
import { type InferenceRequest, isChat } from '@ogong/protocol/modality/text/request/request';
import { type ApiContext, getCallSignal } from '../http/api-app.ts';
import { showIgnored } from './answer-headers.ts';
import { type PrepareTexts, streamEvents } from './event-stream.ts';
import type { Json } from './format.ts';
import { toOpenAiError } from './openai-error.ts';
import { type ChoiceEnd, type ChoicePart, type ReadPart, readChoice, readWhole } from './read-choice.ts';

/** Produces the choices of an answer. */
export interface ServedChoices<End, Part = ChoicePart> {
  readonly request: Pick<InferenceRequest, 'choices'>;
  /** Starts one choice; the signal is aborted if another choice failed. */
  readonly serve: (choice: number, signal: AbortSignal) => AsyncGenerator<Part, End>;
  /** Called once no choice runs any more. */
  readonly onEnd?: () => void;
}

/** One request of OpenAI's chat or completions API and its answer. */
export interface CompletionAnswer<End extends ChoiceEnd> {
  readonly endpoint: Endpoint;
  readonly identity: Identity;
  readonly request: Pick<InferenceRequest, 'choices' | 'stream' | 'includeUsage' | 'logprobs' | 'terms' | 'dropped'>;
  /** Starts one choice; the signal is aborted if another choice failed. */
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

/** Answers with a body or a stream, as the request asks. @throws errors of a choice before anything is sent. */
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
  const choices = ends.map((end) => ({
    index: end.choice,
    text: end.text,
    parts: readWhole(end, readTerms(answer)),
    stopReason: end.stopReason,
    ...(request.logprobs ? { logprobs: end.tokens } : {}),
  }));
  const body = { ...COMPLETION_FORMATS[endpoint].body(identity, choices, sumUsage(ends, answer)), ...toExtra?.(ends) };
  return context.json(body, 200, answer.headers);
}

/** A completion is its text. */
const readTerms = ({ endpoint, request }: Pick<CompletionAnswer<ChoiceEnd>, 'endpoint' | 'request'>) =>
  isChat({ endpoint }) ? request.terms : undefined;

function streamCompletion<End extends ChoiceEnd>(
  context: ApiContext,
  answer: CompletionAnswer<End>,
): Promise<Response> {
  const { endpoint, identity, request, toExtra, heartbeatMs, headers = {} } = answer;
  const dialect = COMPLETION_FORMATS[endpoint];

  return streamEvents(
    context,
    async (sendEvent, prepareTexts) => {
      const complete = (chunk: Json): Json => (request.includeUsage ? { usage: null, ...chunk } : chunk);
      const send = (chunk: Json) => sendEvent(complete(chunk));
      const sender: ChunkSender = {
        send,
        prepareTexts: (format) => prepareTexts((text) => complete(format(text))),
      };
      let unfinished = request.choices;
      let last: { readonly end: End; readonly finish: ChoiceFinish } | undefined;
      const ends = await serveAll(context, answer, async (choice, index) => {
        const { end, finish } = await streamChoice(choice, index, answer, sender);
        unfinished--;
        // The very last chunk carries the extra fields, so it waits for the other choices.
        if (unfinished === 0 && !request.includeUsage) last = { end, finish };
        else await send(dialect.lastChunk(identity, end.choice, finish));
        return end;
      });
      const chunk = last
        ? dialect.lastChunk(identity, last.end.choice, last.finish)
        : dialect.usageChunk(identity, sumUsage(ends, answer));
      await sendEvent({ ...chunk, ...toExtra?.(ends) });
    },
    { headers, heartbeatMs, toFailure: (error) => toOpenAiError(context.get('explain')(error), context) },
  );
}

/** Sends the chunks of a stream. */
interface ChunkSender {
  readonly send: (chunk: Json) => Promise<void> | undefined;
  readonly prepareTexts: PrepareTexts;
}

async function streamChoice<End extends ChoiceEnd>(
  choice: AsyncGenerator<ChoicePart, End>,
  index: number,
  answer: CompletionAnswer<End>,
  { send, prepareTexts }: ChunkSender,
): Promise<{ readonly end: End; readonly finish: ChoiceFinish }> {
  const { endpoint, identity, request } = answer;
  const dialect = COMPLETION_FORMATS[endpoint];
  const format = (delta: ChoiceDelta): readonly Json[] => dialect.chunks(identity, index, delta);
  const sendContent = prepareTexts((text) => format({ pieces: [{ kind: 'content', text }], offset: 0 })[0] as Json);
  let isOpen = false;
  let hasCalls = false;
  let offset = 0;

  async function sendAll(chunks: readonly Json[]): Promise<void> {
    const opening = isOpen ? undefined : dialect.openChoice(identity, index);
    isOpen = true;
    if (opening) await send(opening);
    for (const chunk of chunks) await send(chunk);
  }

  function sendPart({ pieces, tokens, length }: ReadPart): Promise<void> | undefined {
    const start = offset;
    offset += length;
    hasCalls ||= pieces.some(({ kind }) => kind === 'call');
    const [first] = pieces;
    if (isOpen && !request.logprobs && pieces.length === 1 && first?.kind === 'content') return sendContent(first.text);
    // A part that may still become a mark is not shown yet.
    if (pieces.length === 0 && !request.logprobs) return isOpen ? undefined : sendAll([]);
    return sendAll(format({ pieces, offset: start, ...(request.logprobs ? { logprobs: tokens } : {}) }));
  }

  const end = await readChoice(choice, readTerms(answer), sendPart);
  await sendAll([]);
  return { end, finish: { stopReason: end.stopReason, hasCalls } };
}

/**
 * Serves all choices at once. If one fails, the others are ended, since half an answer is useless.
 * @throws the first failure, once all have ended.
 */
export async function serveAll<End, Part = ChoicePart>(
  context: ApiContext,
  { request, serve, onEnd }: ServedChoices<End, Part>,
  follow: (choice: AsyncGenerator<Part, End>, index: number) => Promise<End>,
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
          // Notify the provider that the reader has left; otherwise it continues. A failure of that call counts like any other.
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
