import { ProtocolError, utf8Decode } from '@ogong/protocol/base/bytes';
import { parseOpening } from '@ogong/protocol/commitment/opening';
import { parseAnswer } from '@ogong/protocol/modality/text/answer/answer-parser';
import { parseHeader } from '@ogong/protocol/modality/text/commitment/header';
import { findTextEndpoint, isChat, parseRequest } from '@ogong/protocol/modality/text/request/request';
import type { Receipt } from '@ogong/protocol/stage1/receipt';
import type { SetQuestion } from './evaluation-set.ts';

export interface SignedAnswer {
  /** With its opening; its checks passed. */
  readonly receipt: Receipt;
  readonly request: Uint8Array;
  readonly response: Uint8Array;
}

/** Reads the text that is scored: that of a completion, or the content of a chat without reasoning and calls. @throws ProtocolError */
export function readAnswerText({ asked }: SetQuestion, { receipt, request, response }: SignedAnswer): string {
  const endpoint = findTextEndpoint(asked);
  const text = utf8Decode(response);
  if (!isChat({ endpoint })) return text;
  const { opening } = receipt;
  if ('url' in opening) throw new ProtocolError('unsupported', 'a receipt without its opening');
  const { answerFormat } = parseHeader(parseOpening(opening.bytes).header);
  return parseAnswer(text, answerFormat, parseRequest(request, endpoint).terms).content;
}
