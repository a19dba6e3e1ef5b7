import { formatPath, GATEWAY_ROUTES } from '@ogong/protocol/http/routes';
import { ENDPOINT_INFO } from '@ogong/protocol/modality/endpoints';
import { type AnswerParser, createAnswerParser, parseAnswer } from '@ogong/protocol/modality/text/answer/answer-parser';
import type { AnswerPiece } from '@ogong/protocol/modality/text/answer/answer-pieces';
import { COMPLETION_FORMATS, type Identity } from '@ogong/protocol/modality/text/dialect/completion-formats';
import { type InferenceRequest, isChat } from '@ogong/protocol/modality/text/request/request';
import { toReceiptJson } from '@ogong/protocol/stage1/receipt';
import type { SealedAnswer, SealedDelta } from './sealed-reply.ts';

type Fields = Readonly<Record<string, unknown>>;
type Deltas = AsyncGenerator<SealedDelta, SealedAnswer>;
type Asked = Pick<InferenceRequest, 'endpoint' | 'model' | 'terms' | 'logprobs' | 'includeUsage'>;

/** Formats an answer as a gateway does, with the receipt that this client checks. */
export function formatAnswer(request: Asked, answers: readonly SealedAnswer[]): Fields {
  const choices = answers.map(({ text, format, tokens, header: { stopReason } }, index) => {
    const parts = isChat(request)
      ? parseAnswer(text, format, request.terms)
      : { content: text, reasoning: '', calls: [] };
    return { index, text, parts, stopReason, ...(request.logprobs && { logprobs: tokens }) };
  });
  const identity = identify(request, answers[0]?.replyId ?? '');
  return {
    ...COMPLETION_FORMATS[request.endpoint].body(identity, choices, toUsage(answers)),
    ogong: toOgongField(answers),
  };
}

/** Formats chunks of all choices as they come. */
export async function* formatChunks(request: Asked, choices: readonly Deltas[]): AsyncGenerator<Fields> {
  const words = COMPLETION_FORMATS[request.endpoint];
  // The reply ids are known only at the end, and all chunks need one name.
  const identity = identify(request, drawName());
  const widen = (chunk: Fields): Fields => (request.includeUsage ? { usage: null, ...chunk } : chunk);
  const ended: SealedAnswer[] = [];
  for await (const { value, from, isLast } of merge(
    choices.map((deltas, index) => formatChoice(request, { identity, index }, deltas)),
  )) {
    if (!('answer' in value)) {
      yield widen(value.chunk);
      continue;
    }
    ended[from] = value.answer;
    const { closing } = value;
    if (!isLast) yield widen(closing);
    else if (!request.includeUsage) yield { ...closing, ogong: toOgongField(ended) };
    else {
      yield widen(closing);
      yield { ...words.usageChunk(identity, toUsage(ended)), ogong: toOgongField(ended) };
    }
  }
}

type FormattedPart = { readonly chunk: Fields } | { readonly closing: Fields; readonly answer: SealedAnswer };

/** Yields from each stream in the order of arrival. The other streams are closed when the reader stops, or one of them fails. */
async function* merge(
  streams: readonly AsyncGenerator<FormattedPart>[],
): AsyncGenerator<{ readonly value: FormattedPart; readonly from: number; readonly isLast: boolean }> {
  const read = async (from: number) => ({ from, next: await (streams[from] as AsyncGenerator<FormattedPart>).next() });
  const waiting = new Map(streams.map((_, from) => [from, read(from)]));
  try {
    while (waiting.size > 0) {
      const { from, next } = await Promise.race(waiting.values());
      if (next.done) {
        waiting.delete(from);
        continue;
      }
      const isOver = 'answer' in next.value;
      if (isOver) waiting.delete(from);
      else waiting.set(from, read(from));
      yield { value: next.value, from, isLast: isOver && waiting.size === 0 };
    }
  } finally {
    // Another stream's failure no longer matters.
    for (const one of waiting.values()) one.catch(() => undefined);
    for (const stream of streams) void stream.return(undefined).catch(() => undefined);
  }
}

async function* formatChoice(
  request: Asked,
  { identity, index }: { readonly identity: Identity; readonly index: number },
  deltas: Deltas,
): AsyncGenerator<FormattedPart> {
  const words = COMPLETION_FORMATS[request.endpoint];
  let parser: AnswerParser | undefined;
  let hasCalls = false;
  let offset = 0;
  let isOpen = false;
  function* formatPieces(pieces: readonly AnswerPiece[], tokens: SealedDelta['tokens']): Generator<FormattedPart> {
    const opening = isOpen ? undefined : words.openChoice(identity, index);
    isOpen = true;
    if (opening) yield { chunk: opening };
    hasCalls ||= pieces.some(({ kind }) => kind === 'call');
    if (pieces.length === 0 && !request.logprobs) return;
    const delta = { pieces, offset, ...(request.logprobs && { logprobs: tokens }) };
    for (const chunk of words.chunks(identity, index, delta)) yield { chunk };
  }
  try {
    for (;;) {
      const next = await deltas.next();
      if (!next.done) {
        const { text, tokens, format } = next.value;
        parser ??= isChat(request) ? createAnswerParser(format, request.terms) : PLAIN;
        yield* formatPieces(parser.push(text), tokens);
        offset += text.length;
        continue;
      }
      const rest = parser?.end() ?? [];
      if (rest.length > 0 || !isOpen) yield* formatPieces(rest, []);
      const { stopReason } = next.value.header;
      const closing = words.lastChunk(identity, index, { stopReason, hasCalls });
      return yield { closing, answer: next.value };
    }
  } finally {
    // A reader that leaves early ends the call.
    await deltas.return(undefined as never);
  }
}

const PLAIN: AnswerParser = {
  push: (text) => (text === '' ? [] : [{ kind: 'content', text }]),
  end: () => [],
};

const drawName = (): string => globalThis.crypto.randomUUID().replaceAll('-', '');

const identify = ({ endpoint, model }: Asked, name: string): Identity => ({
  id: `${ENDPOINT_INFO[endpoint].idPrefix}-${name}`,
  created: Math.floor(Date.now() / 1000),
  model,
});

/** The prompt is counted once, as elsewhere, though each choice pays for it. */
const toUsage = (answers: readonly SealedAnswer[]) => ({
  promptTokens: answers[0]?.header.promptTokenCount ?? 0,
  outputTokens: answers.reduce((sum, { header }) => sum + header.outputTokenCount, 0),
});

const toOgongField = (answers: readonly SealedAnswer[]): Fields => ({
  receipts: answers.map(({ replyId, receipt, text }) => ({
    reply_id: replyId,
    url: formatPath(GATEWAY_ROUTES.receipt, { id: replyId }),
    receipt: toReceiptJson(receipt),
    response: text,
  })),
});
