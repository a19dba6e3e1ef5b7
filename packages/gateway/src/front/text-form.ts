import { utf8Encode } from '@ogong/protocol/base/bytes';
import { fail } from '@ogong/protocol/base/checks';
import { isSameFormat } from '@ogong/protocol/modality/text/answer/answer-format';
import { parseHeader } from '@ogong/protocol/modality/text/commitment/header';
import { decodeDraws } from '@ogong/protocol/modality/text/commitment/window';
import type { InferenceRequest } from '@ogong/protocol/modality/text/request/request';
import { assertTierShows, hasFixedDraws } from '@ogong/protocol/modality/text/request/tier-rules';
import { checkShownBytes, checkShownLogprobs } from '@ogong/protocol/modality/text/stage1/shown-logprobs';
import type { AnswerForm, BoughtReply } from '../buy/reply.ts';

/** Chat and completions: text as it comes, with the log-probabilities that the provider signed. @throws RequestError where its tier has none. */
export function createTextForm(
  request: Pick<
    InferenceRequest,
    'model' | 'stream' | 'maxTokens' | 'logprobs' | 'topLogprobs' | 'seed' | 'sampler' | 'pictureCount'
  >,
): AnswerForm<BoughtReply> {
  assertTierShows(request);
  return {
    streams: request.stream,
    hasFixedDraws: hasFixedDraws(request),
    maxTokens: request.maxTokens,
    topLogprobs: request.logprobs ? request.topLogprobs : undefined,
    toResponse: ({ text }) => utf8Encode(text),
    read(checked, { text, tokens, format }, opened) {
      const header = parseHeader(opened.header);
      if (request.logprobs) {
        const rows = opened.windows.flatMap(({ draws }) => decodeDraws(draws, header).rows);
        const shown = [checkShownLogprobs(rows, tokens, request.topLogprobs), checkShownBytes(tokens, text)];
        const failed = shown.find(({ status }) => status === 'fail');
        if (failed) return { failed };
      }
      if (format !== undefined && !isSameFormat(format, header.answerFormat)) {
        return { failed: fail('answer-format', 'the reply was streamed under another answer format than was signed') };
      }
      return { reply: { ...checked, text, tokens, format: header.answerFormat, stopReason: header.stopReason } };
    },
  };
}
