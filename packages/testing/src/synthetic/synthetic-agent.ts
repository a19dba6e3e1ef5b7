import { toHex, utf8Encode } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { createNobleLedgerSigner } from '@ogong/protocol/crypto/noble';
import type { AgentStep } from '@ogong/protocol/verdict/agent/agent-chain';
import {
  createStepMessages,
  encodeNextRequest,
  nameAgentCall,
  readAgentAnswer,
} from '@ogong/protocol/verdict/agent/agent-messages';
import { createSteadySigner } from '../protocol/steady-signer.ts';
import { createSyntheticReceipt, type SyntheticReceipt } from './synthetic-receipt.ts';
import { SYNTHETIC_MODEL } from './synthetic-reply.ts';

const fill = (value: number, length: number): Uint8Array => new Uint8Array(length).fill(value);
const TOKENS = 4;

/** The tool of the test runs. */
export const WEATHER_TOOL = {
  name: 'weather',
  description: 'The weather of a city',
  parameters: {
    type: 'object',
    properties: { city: { type: 'string', minLength: 1 }, days: { type: 'integer', minimum: 1, maximum: 7 } },
    required: ['city'],
    additionalProperties: false,
  },
} as const;

/** Writes a call as the family `hermes` does. */
export const writeCall = (name: string, given: string): string =>
  `<tool_call>\n{"name": "${name}", "arguments": ${given}}\n</tool_call>`;

/** Answers of a model that asks for the weather of three cities in two steps. */
export const WEATHER_ANSWERS: readonly string[] = [
  `I look.\n${writeCall('weather', '{"city": "Paris"}')}\n${writeCall('weather', '{"city": "Oslo", "days": 2}')}`,
  writeCall('weather', '{"city": "Rome"}'),
  'Rome is the warmest.',
];

/** The first request of the test run. */
export const WEATHER_REQUEST: Uint8Array = utf8Encode(
  JSON.stringify({
    model: SYNTHETIC_MODEL,
    messages: [{ role: 'user', content: 'Where is it warm?' }],
    max_tokens: 64,
    tools: [{ type: 'function', function: WEATHER_TOOL }],
    ogong: { salt: '5a'.repeat(16) },
  }),
);

/** Returns the synthetic reply to a request, with a text. @param nonce another one gives another reply. */
export function answerAgent(crypto: Crypto, request: Uint8Array, text: string, nonce = text): SyntheticReceipt {
  return createSyntheticReceipt({
    ...{ crypto, seed: 1, tokens: TOKENS, text, request },
    ...{ provider: createSteadySigner(fill(1, 64)), router: createSteadySigner(fill(2, 64)) },
    payer: createNobleLedgerSigner(fill(3, 32)),
    ledger: { chainId: 31_337n, verifyingContract: fill(5, 20) },
    bend: { order: (order) => ({ ...order, nonce: crypto.sha256(utf8Encode(nonce)) }) },
  });
}

/** Creates an honest run over the texts. Each call has a result that names its arguments. */
export function createSyntheticAgent(crypto: Crypto, texts = WEATHER_ANSWERS, { nonce = '' } = {}) {
  let request = WEATHER_REQUEST;
  const answered = texts.map((text, place) => {
    const { receipt, reply, trust, nowMs } = answerAgent(crypto, request, text, `${nonce}${place}`);
    const base = { receipt, request, response: reply.response };
    const answer = readAgentAnswer(base);
    const calls = answer.calls.map((call, i) => ({
      ...{ id: nameAgentCall(toHex(reply.order.replyId), i), name: call.name, arguments: call.arguments },
      result: `sunny in ${call.arguments}`,
    }));
    request = encodeNextRequest(request, createStepMessages(answer, calls));
    return { step: { ...base, calls }, trust, nowMs };
  });
  const [{ trust, nowMs }] = answered as [(typeof answered)[number]];
  const steps: AgentStep[] = answered.map(({ step }) => step);
  return { steps, trust, nowMs };
}
