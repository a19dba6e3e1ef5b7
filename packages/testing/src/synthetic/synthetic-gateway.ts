import { utf8Decode } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { toReceiptJson } from '@ogong/protocol/stage1/receipt';
import type { Trust } from '@ogong/protocol/stage1/trust';
import { readAgentAnswer } from '@ogong/protocol/verdict/agent/agent-messages';
import { answerAgent, WEATHER_REQUEST } from './synthetic-agent.ts';

export interface SyntheticRequest extends Readonly<Record<string, unknown>> {
  readonly messages: readonly { readonly role: string; readonly content: string }[];
}

/**
 * A gateway of one model whose answers have receipts. A `fetch` stands for it.
 * @param answer text of the model. @param place number of the request, from 0.
 */
export function createSyntheticGateway(crypto: Crypto, answer: (request: SyntheticRequest, place: number) => string) {
  const requests: SyntheticRequest[] = [];
  const { trust } = answerAgent(crypto, WEATHER_REQUEST, 'x');
  async function fetch(_: string | URL | Request, init?: RequestInit): Promise<Response> {
    const request = init?.body as Uint8Array;
    const read = JSON.parse(utf8Decode(request)) as SyntheticRequest;
    const place = requests.push(read) - 1;
    const text = answer(read, place);
    const { receipt, reply } = answerAgent(crypto, request, text, `${place}`);
    const receipts = [{ reply_id: '1', url: '/v1/receipts/1', receipt: toReceiptJson(receipt), response: text }];
    const { content, calls } = readAgentAnswer({ receipt, request, response: reply.response });
    const parsed = { content, tool_calls: calls.map((called) => ({ id: 'x', type: 'function', function: called })) };
    const choices = [{ index: 0, message: { role: 'assistant', ...parsed }, finish_reason: 'stop' }];
    return Response.json({ id: '1', choices, ogong: { receipts } });
  }
  return { fetch: fetch as typeof globalThis.fetch, trust: trust satisfies Trust, requests };
}
