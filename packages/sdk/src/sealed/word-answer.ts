import { formatPath, GATEWAY_ROUTES } from '@ogong/protocol/http/routes';
import { type AnswerParser, createAnswerParser, parseAnswer } from '@ogong/protocol/modality/text/answer/answer-parser';
import type { AnswerPiece } from '@ogong/protocol/modality/text/answer/answer-pieces';
import { COMPLETION_WORDS, type Identity } from '@ogong/protocol/modality/text/dialect/completion-words';
import { type InferenceRequest, isChat } from '@ogong/protocol/modality/text/request/request';
import { toReceiptJson } from '@ogong/protocol/stage1/receipt';
import type { SealedAnswer, SealedDelta } from './sealed-reply.ts';

type Words = Readonly<Record<string, unknown>>;
type Deltas = AsyncGenerator<SealedDelta, SealedAnswer>;
type Asked = Pick<InferenceRequest, 'endpoint' | 'model' | 'terms' | 'logprobs' | 'includeUsage'>;

/** As a gateway words an answer that it can read, with the receipt that this client checks. */
export async function wordAnswer(request: Asked, deltas: Deltas): Promise<Words> {
  let next = await deltas.next();
  while (!next.done) next = await deltas.next();
  const answer = next.value;
  const { text, format, tokens, header } = answer;
  const parts = isChat(request)
    ? parseAnswer(text, format, request.terms)
    : { content: text, reasoning: '', calls: [] };
  const { stopReason } = header;
  const choice = { index: 0, text, parts, stopReason, ...(request.logprobs && { logprobs: tokens }) };
  const identity = identify(request, answer.replyId);
  return {
    ...COMPLETION_WORDS[request.endpoint].body(identity, [choice], toUsage(answer)),
    ogong: toOgongField(answer),
  };
}

/** The same in chunks, as they come. */
export async function* wordChunks(request: Asked, deltas: Deltas): AsyncGenerator<Words> {
  const words = COMPLETION_WORDS[request.endpoint];
  // The reply id is known once it is over; all chunks have one name.
  const identity = identify(request, drawName());
  let parser: AnswerParser | undefined;
  let hasCalls = false;
  let offset = 0;
  let isOpen = false;
  const widen = (chunk: Words): Words => (request.includeUsage ? { usage: null, ...chunk } : chunk);
  function* wordPieces(pieces: readonly AnswerPiece[], tokens: SealedDelta['tokens']): Generator<Words> {
    const opening = isOpen ? undefined : words.openChoice(identity, 0);
    isOpen = true;
    if (opening) yield widen(opening);
    hasCalls ||= pieces.some(({ kind }) => kind === 'call');
    if (pieces.length === 0 && !request.logprobs) return;
    const delta = { pieces, offset, ...(request.logprobs && { logprobs: tokens }) };
    for (const chunk of words.chunks(identity, 0, delta)) yield widen(chunk);
  }
  for (;;) {
    const next = await deltas.next();
    if (!next.done) {
      const { text, tokens, format } = next.value;
      parser ??= isChat(request) ? createAnswerParser(format, request.terms) : PLAIN;
      yield* wordPieces(parser.push(text), tokens);
      offset += text.length;
      continue;
    }
    const rest = parser?.end() ?? [];
    if (rest.length > 0 || !isOpen) yield* wordPieces(rest, []);
    const { stopReason } = next.value.header;
    const closing = words.lastChunk(identity, 0, { stopReason, hasCalls });
    const ogong = toOgongField(next.value);
    if (!request.includeUsage) return yield { ...closing, ogong };
    yield widen(closing);
    return yield { ...words.usageChunk(identity, toUsage(next.value)), ogong };
  }
}

const PLAIN: AnswerParser = {
  push: (text) => (text === '' ? [] : [{ kind: 'content', text }]),
  end: () => [],
};

const drawName = (): string => globalThis.crypto.randomUUID().replaceAll('-', '');

const identify = ({ endpoint, model }: Asked, name: string): Identity => ({
  id: `${isChat({ endpoint }) ? 'chatcmpl' : 'cmpl'}-${name}`,
  created: Math.floor(Date.now() / 1000),
  model,
});

const toUsage = ({ header: { promptTokenCount: promptTokens, outputTokenCount: outputTokens } }: SealedAnswer) => ({
  promptTokens,
  outputTokens,
});

const toOgongField = ({ replyId, receipt, text }: SealedAnswer): Words => ({
  receipts: [
    {
      reply_id: replyId,
      url: formatPath(GATEWAY_ROUTES.receipt, { id: replyId }),
      receipt: toReceiptJson(receipt),
      response: text,
    },
  ],
});
