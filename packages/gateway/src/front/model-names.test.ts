import { ApiError } from '@ogong/host/http/api-error';
import { utf8Decode, utf8Encode } from '@ogong/protocol/base/bytes';
import { describe, expect, it } from 'vitest';
import { createModelNotFound } from '../buy/match/provider-match.ts';
import { createModelNames } from './model-names.ts';

const IDS = [
  'ogong/verified/meta/llama-3.2-3b-instruct',
  'ogong/verified/qwen/qwen3-0.6b',
  'ogong/verified/qwen/qwen3-8b',
  'ogong/tee/qwen/qwen3-8b',
];
const caller = { id: 'a', models: undefined };
const names = createModelNames({ list: async () => IDS.map((id) => ({ id })) });
const resolve = async (model: unknown, isChecked = false): Promise<unknown> =>
  JSON.parse(utf8Decode(await names.resolve(utf8Encode(JSON.stringify({ model, seed: 1 })), caller, isChecked)));

describe('a short name at a gateway', () => {
  it.each([
    ['llama3.2', IDS[0]],
    ['llama3.2:3b', IDS[0]],
    ['Llama-3.2-3B-Instruct', IDS[0]],
    ['qwen3:0.6b', IDS[1]],
    ['qwen3-0.6b:latest', IDS[1]],
  ])('%s is ordered as %s', async (typed, model) => {
    expect(await resolve(typed)).toEqual({ model, seed: 1 });
  });

  it('leaves ids, unknown names and faulty bodies as they are', async () => {
    for (const model of ['ogong/verified/qwen/qwen3-8b', 'gpt-4o', '', 7, null, 'x'.repeat(1e5)])
      expect(await resolve(model)).toEqual({ model, seed: 1 });
    for (const text of ['', '{', '[]', '"a"']) {
      const body = utf8Encode(text);
      expect(await names.resolve(body, caller, false)).toBe(body);
    }
  });

  it('is refused if it means several models, or if the caller checks its answer', async () => {
    await expect(resolve('qwen3:8b')).rejects.toThrow(`it may mean ${IDS[2]} or ${IDS[3]}`);
    await expect(resolve('llama3.2', true)).rejects.toThrow(`write ${IDS[0]}`);
    expect(await resolve(IDS[0], true)).toEqual({ model: IDS[0], seed: 1 });
  });

  it('does not fail a full id if the router does not answer', async () => {
    const mute = createModelNames({ list: () => Promise.reject(new ApiError('router_unreachable', 'no')) });
    const body = utf8Encode('{"model":"llama3.2"}');
    expect(await mute.resolve(body, caller, false)).toBe(body);
  });
});

it.each([
  ['ogong/verified/qwen/qwen3-7b', IDS[2]],
  ['qwen3:9b', IDS[3]],
  ['lama-3.2-3b-instruct', IDS[0]],
])('an unknown %s is answered with the nearest ids', async (typed, nearest) => {
  const error = await names.explain(createModelNotFound(typed), caller);
  expect(error).toMatchObject({ code: 'model_not_found', message: expect.stringContaining(nearest as string) });
  const other = new Error('no');
  expect(await names.explain(other, caller)).toBe(other);
});
