import { parseModelId } from '@ogong/protocol/exchange/match';
import { expect, it } from 'vitest';
import { nameModel } from './model-name.ts';

it.each([
  ['stories15M', 'ogong/verified/karpathy/stories15m'],
  ['stories15M:q4_0', 'ogong/verified/karpathy/stories15m'],
  ['hf:Qwen/Qwen3-0.6B-GGUF:q8_0', 'ogong/verified/qwen/qwen3-0.6b-gguf'],
  ['/models/any.gguf', 'ogong/verified/local/model'],
])('%s is sold as %s', (reference, id) => {
  expect(nameModel(reference)).toBe(id);
  expect(parseModelId(id).tier).toBe('verified');
});
