import { ProtocolError, utf8Decode, utf8Encode } from '../../base/bytes.ts';
import { parseJson } from '../../base/json.ts';
import { parseOpening } from '../../commitment/opening.ts';
import { type AnswerParts, parseAnswer } from '../../modality/text/answer/answer-parser.ts';
import { parseHeader } from '../../modality/text/commitment/header.ts';
import { parseRequest } from '../../modality/text/request/request.ts';
import type { AgentCall, AgentStep } from './agent-chain.ts';

/**
 * Reads content, reasoning and calls of a step from the signed text.
 * @throws ProtocolError, RequestError
 */
export function readAgentAnswer({ receipt, request, response }: Omit<AgentStep, 'calls'>): AnswerParts {
  const { opening } = receipt;
  if ('url' in opening) throw new ProtocolError('unsupported', 'a receipt without its opening');
  const { answerFormat } = parseHeader(parseOpening(opening.bytes).header);
  return parseAnswer(utf8Decode(response), answerFormat, parseRequest(request, 'chat').terms);
}

/** Names a call by the reply that asked for it. @param replyId hex. @param index of the call in the answer, from 0. */
export const nameAgentCall = (replyId: string, index: number): string => `call_${replyId}_${index}`;

interface StepMessage {
  readonly role: string;
  readonly content: string;
  readonly [field: string]: unknown;
}

/** Returns the messages that an answer and the results of its calls add to the conversation. */
export function createStepMessages(
  { content, reasoning }: Pick<AnswerParts, 'content' | 'reasoning'>,
  calls: readonly AgentCall[],
): readonly StepMessage[] {
  const asked = calls.map(({ id, name, arguments: given }) => ({
    id,
    type: 'function',
    function: { name, arguments: given },
  }));
  return [
    { role: 'assistant', content, ...(reasoning !== '' && { reasoning_content: reasoning }), tool_calls: asked },
    ...calls.map(({ id, result }) => ({ role: 'tool', tool_call_id: id, content: result })),
  ];
}

/**
 * Returns the only request that may follow: the same body with further messages.
 * @throws ProtocolError for a body without messages.
 */
export function encodeNextRequest(request: Uint8Array, added: readonly object[]): Uint8Array {
  const body = parseJson(request) as { readonly messages?: unknown } | null;
  if (!Array.isArray(body?.messages)) throw new ProtocolError('malformed', 'a request without messages');
  return utf8Encode(JSON.stringify({ ...body, messages: [...body.messages, ...added] }));
}
