import { NAT, PLAIN_SAMPLER } from '@ogong/protocol/modality/text/sampling/sampler';
import { expect, it } from 'vitest';
import type { TextGenerationRequest } from '../interface/text.ts';
import type { UpstreamFindings, UpstreamKind } from './findings.ts';
import { toUpstreamRequest } from './request-body.ts';

function writeBody(
  kind: UpstreamKind,
  repetitionWindow: number,
  prompt: TextGenerationRequest['prompt'] = { kind: 'text', text: 'x' },
): object {
  const request: TextGenerationRequest = {
    prompt,
    sampler: { ...PLAIN_SAMPLER, repetitionPenaltyQ16: 1.25 * NAT, repetitionWindow },
    ...{ bias: [], stop: [], maxTokens: 3, topLogprobs: 0, drawKey: new Uint8Array(32) },
    sketch: { bankSeed: new Uint8Array(32), directions: 16 },
  };
  const findings = { kind, model: 'toy', limitField: 'max_tokens', usage: false, tokenIds: false, seeds: 'refused' };
  return toUpstreamRequest(request, findings as unknown as UpstreamFindings).body;
}

it('names the repetition penalty as the server does', () => {
  expect(writeBody('vllm', 0)).toMatchObject({ repetition_penalty: 1.25 });
  expect(writeBody('vllm', 0)).not.toHaveProperty('repeat_last_n');
  expect(writeBody('llama-server', 0)).toMatchObject({ repeat_penalty: 1.25, repeat_last_n: -1 });
  expect(writeBody('llama-server', 64)).toMatchObject({ repeat_penalty: 1.25, repeat_last_n: 64 });
});

it('shows the reasoning of earlier answers to servers that take it', () => {
  const messages = [
    { role: 'user', content: 'Hi' },
    { role: 'assistant', content: 'Yes.', reasoning: 'Hm.' },
  ];
  const [asked, said] = [messages[0], { role: 'assistant', content: 'Yes.' }];
  const prompt = { kind: 'chat', messages } as const;
  expect(writeBody('vllm', 0, prompt)).toMatchObject({ messages: [asked, { ...said, reasoning_content: 'Hm.' }] });
  // OpenAI refuses a key that it does not have.
  expect(writeBody('openai', 0, prompt)).toHaveProperty('messages', [asked, said]);
});
