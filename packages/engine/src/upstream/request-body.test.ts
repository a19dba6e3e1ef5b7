import { NAT, PLAIN_SAMPLER } from '@ogong/protocol/modality/text/sampling/sampler';
import { expect, it } from 'vitest';
import type { TextGenerationRequest } from '../interface/text.ts';
import type { UpstreamFindings, UpstreamKind } from './findings.ts';
import { toUpstreamRequest } from './request-body.ts';

function writeBody(kind: UpstreamKind, repetitionWindow: number): object {
  const request: TextGenerationRequest = {
    prompt: { kind: 'text', text: 'x' },
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
