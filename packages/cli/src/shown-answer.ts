import { type Check, fail, skip } from '@ogong/protocol/base/checks';
import { parseJson } from '@ogong/protocol/base/json';
import { parseOpening } from '@ogong/protocol/commitment/opening';
import { isTextHeader, parseHeader } from '@ogong/protocol/modality/text/commitment/header';
import { isChat, parseRequest } from '@ogong/protocol/modality/text/request/request';
import { checkShownAnswer, readShownMessage } from '@ogong/protocol/modality/text/stage1/shown-answer';
import type { LocalReceipt } from '@ogong/protocol/stage1/local-receipt';
import type { Receipt } from '@ogong/protocol/stage1/receipt';
import type { ReceiptVerdict } from '@ogong/protocol/verdict/receipt/verify-receipt';

interface ShownFile {
  /** A chat completion of the API, or one message of it, as JSON. */
  readonly answer: Uint8Array;
  readonly receipt: Receipt | LocalReceipt;
  readonly request: Uint8Array;
  readonly response: Uint8Array;
}

/** Adds a check that the answer shown by the API equals the signed text. @throws ProtocolError if the file is no JSON. */
export function addShownAnswer(verdict: ReceiptVerdict, file: ShownFile): ReceiptVerdict {
  const shown = checkFile(verdict, file);
  return { ...verdict, ok: verdict.ok && shown.status === 'pass', checks: [...verdict.checks, shown] };
}

function checkFile({ checks }: ReceiptVerdict, { answer, receipt, request, response }: ShownFile): Check {
  const id = 'answer';
  const value = parseJson(answer);
  // Only signed texts can be read.
  if (checks.some(({ status }) => status === 'fail')) return skip(id, 'the receipt does not hold');
  const header = 'bytes' in receipt.opening ? parseHeader(parseOpening(receipt.opening.bytes).header) : undefined;
  if (header === undefined || !isTextHeader(header) || !isChat(header)) return fail(id, 'the receipt is about no chat');
  const message = findMessage(value, header.choice);
  return checkShownAnswer(header, { request: parseRequest(request, 'chat'), response }, readShownMessage(message));
}

/** @param choice the receipt's own. */
function findMessage(value: unknown, choice: number): unknown {
  const { choices } = (typeof value === 'object' ? (value ?? {}) : {}) as { readonly choices?: unknown };
  if (!Array.isArray(choices)) return value;
  return (choices as ({ index?: unknown; message?: unknown } | null)[]).find((each) => each?.index === choice)?.message;
}
