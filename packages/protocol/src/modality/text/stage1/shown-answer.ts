import { utf8Decode } from '../../../base/bytes.ts';
import { type Check, fail, pass } from '../../../base/checks.ts';
import { type AnswerParts, parseAnswer } from '../answer/answer-parser.ts';
import type { Header } from '../commitment/header.ts';
import type { InferenceRequest } from '../request/request.ts';

/** The parts of an OpenAI chat message that contain the answer. */
export interface ShownMessage {
  readonly content?: string | null;
  readonly reasoning_content?: string | null;
  readonly tool_calls?:
    | readonly { readonly function?: { readonly name?: string; readonly arguments?: string } }[]
    | null;
}

/** Reads the parts of a message; undefined if the value is no message. */
export function readShownMessage(value: unknown): AnswerParts | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { content, reasoning_content: reasoning, tool_calls: calls } = value as ShownMessage;
  const shown = {
    content: content ?? '',
    reasoning: reasoning ?? '',
    calls: Array.isArray(calls) ? (calls as NonNullable<ShownMessage['tool_calls']>).map(readCall) : [],
  };
  const texts: unknown[] = [shown.content, shown.reasoning, ...shown.calls.flatMap((call) => Object.values(call))];
  return texts.every((text) => typeof text === 'string') ? shown : undefined;
}

const readCall = (call: NonNullable<ShownMessage['tool_calls']>[number] | null): AnswerParts['calls'][number] => ({
  name: call?.function?.name ?? '',
  arguments: call?.function?.arguments ?? '',
});

/**
 * Checks that the shown content, reasoning and calls of a chat match the signed text under the signed format
 * (docs/spec/answer.md).
 * @param response the signed text of the model.
 */
export function checkShownAnswer(
  { answerFormat }: Pick<Header, 'answerFormat'>,
  { request, response }: { readonly request: Pick<InferenceRequest, 'terms'>; readonly response: Uint8Array },
  shown: AnswerParts | undefined,
): Check {
  const id = 'answer';
  if (shown === undefined) return fail(id, 'the shown value is no message');
  const { content, reasoning, calls } = parseAnswer(utf8Decode(response), answerFormat, request.terms);
  if (shown.content !== content) return fail(id, 'another content was shown than the signed text has');
  if (shown.reasoning !== reasoning) return fail(id, 'another reasoning was shown than the signed text has');
  const same = shown.calls.length === calls.length && calls.every((call, i) => isSameCall(call, shown.calls[i]));
  if (!same) return fail(id, 'other calls were shown than the signed text has');
  return pass(id, `the content, the reasoning and ${calls.length} calls that were shown are those of the signed text`);
}

const isSameCall = (a: AnswerParts['calls'][number], b: AnswerParts['calls'][number] | undefined): boolean =>
  a.name === b?.name && a.arguments === b.arguments;
