import { utf8Encode } from '@ogong/protocol/base/bytes';
import { parseHeader } from '@ogong/protocol/modality/text/commitment/header';
import { decodeDraws } from '@ogong/protocol/modality/text/commitment/window';
import type { InferenceRequest } from '@ogong/protocol/modality/text/request/request';
import { checkShownBytes, checkShownLogprobs } from '@ogong/protocol/modality/text/stage1/shown-logprobs';
import type { AnswerForm, BoughtReply } from './reply.ts';

/** Chat and completions: text as it comes, with the log-probabilities that the provider signed. */
export function createTextForm(
  request: Pick<InferenceRequest, 'stream' | 'maxTokens' | 'logprobs' | 'topLogprobs'>,
): AnswerForm<BoughtReply> {
  return {
    streams: request.stream,
    maxTokens: request.maxTokens,
    topLogprobs: request.logprobs ? request.topLogprobs : undefined,
    toResponse: ({ text }) => utf8Encode(text),
    read(checked, { text, tokens }, opened) {
      const header = parseHeader(opened.header);
      if (request.logprobs) {
        const rows = opened.windows.flatMap(({ draws }) => decodeDraws(draws, header).rows);
        const shown = [checkShownLogprobs(rows, tokens, request.topLogprobs), checkShownBytes(tokens, text)];
        const failed = shown.find(({ status }) => status === 'fail');
        if (failed) return { failed };
      }
      return { reply: { ...checked, text, tokens, stopReason: header.stopReason } };
    },
  };
}
