import type { LanguageModelV4CallOptions, LanguageModelV4FinishReason } from '@ai-sdk/provider';
import { createMemoryClient, type MemoryClient } from '@ogong/sdk';
import { startMemoryServer } from '@ogong/testing/memory/memory-server';
import { generateText, streamText, wrapLanguageModel } from 'ai';
import { MockLanguageModelV4, simulateReadableStream } from 'ai/test';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RememberOptions, rememberConversation } from './index.ts';

let server: Awaited<ReturnType<typeof startMemoryServer>>;
let memory: MemoryClient;
beforeAll(async () => {
  server = await startMemoryServer();
  memory = createMemoryClient(server);
});
afterAll(() => server.close());

const usage = {
  inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 1, text: 1, reasoning: 0 },
};
type Finish = LanguageModelV4FinishReason['unified'];

/** A model with one answer, which reports its prompts. */
function open(answer: string, options: RememberOptions = {}, { finish = 'stop' as Finish, error = '' } = {}) {
  const prompts: LanguageModelV4CallOptions['prompt'][] = [];
  const work: Promise<void>[] = [];
  const finishReason = { unified: finish, raw: finish };
  const model = new MockLanguageModelV4({
    async doGenerate({ prompt }) {
      prompts.push(prompt);
      return { content: [{ type: 'text', text: answer }], finishReason, usage, warnings: [] };
    },
    async doStream({ prompt }) {
      prompts.push(prompt);
      const deltas = answer.split(/(?= )/).map((delta) => ({ type: 'text-delta' as const, id: 'a', delta }));
      const failed = error === '' ? [] : [{ type: 'error' as const, error }];
      const parts = [{ type: 'text-start' as const, id: 'a' }, ...deltas, { type: 'text-end' as const, id: 'a' }];
      const chunks = [...parts, ...failed, { type: 'finish' as const, finishReason, usage }];
      return { stream: simulateReadableStream({ chunks }) };
    },
  });
  const waitUntil = (one: Promise<void>) => void work.push(one);
  const middleware = rememberConversation(options.agentId === 'lost' ? lost : memory, { ...options, waitUntil });
  return { model: wrapLanguageModel({ model, middleware }), prompts, ended: () => Promise.all(work) };
}

const lost = createMemoryClient({ baseUrl: 'http://memory.test', fetch: () => Promise.reject(new TypeError('no')) });

const list = async (agent_id: string): Promise<readonly string[]> => {
  const { memories } = await memory.search({ query: 'the user', limit: 20, agent_id });
  return memories.map((one) => one.memory);
};

describe('a conversation with memory', () => {
  it('recalls an earlier session, and stores no recalled text again', async () => {
    const first = open('Nice.', { agentId: 'a', threadId: 'one' });
    await generateText({ model: first.model, prompt: 'I live in Porto.' });
    await first.ended();
    const second = open('In Porto, as you said.', { agentId: 'a', threadId: 'two' });
    const { text } = await generateText({
      ...{ model: second.model, instructions: 'Be brief.', prompt: 'I like tea. Where do I live?' },
    });
    await second.ended();
    expect(text).toBe('In Porto, as you said.');
    expect(second.prompts[0]?.map(({ role }) => role)).toEqual(['system', 'system', 'user']);
    expect(second.prompts[0]?.[1]?.content).toMatch(
      /^Notes .*\n<recalled-memory id="[0-9a-f]{32}">The user lives in Porto<\/recalled-memory>$/,
    );
    expect((await list('a')).toSorted()).toEqual(['The user likes tea', 'The user lives in Porto']);
    expect(await list('b')).toEqual([]);
  });

  it('remembers a stream once it has ended', async () => {
    const { model, ended } = open('Good to know.', { agentId: 'stream' });
    expect(await streamText({ model, prompt: 'I play chess.' }).text).toBe('Good to know.');
    await ended();
    expect(await list('stream')).toEqual(['The user plays chess']);
  });

  it.each<[string, Parameters<typeof open>[2]]>([
    ['a stream with an error', { error: 'a check failed' }],
    ['an answer that was stopped', { finish: 'content-filter' }],
    ['a step that calls tools', { finish: 'tool-calls' }],
  ])('does not remember %s', async (_, answer) => {
    const { model, ended } = open('Good.', { agentId: 'none' }, answer);
    await streamText({ model, prompt: 'I own a boat.', onError: () => undefined }).consumeStream();
    expect(await ended()).toEqual([]);
  });

  it('goes on without its memory service, and reports both failures', async () => {
    const failures: string[] = [];
    const onFailure: RememberOptions['onFailure'] = ({ step, error }) =>
      void failures.push(`${step}: ${(error as { code?: string }).code}`);
    const { model, prompts, ended } = open('Hello.', { agentId: 'lost', onFailure });
    expect((await generateText({ model, prompt: 'I live in Porto.' })).text).toBe('Hello.');
    await ended();
    expect(failures).toEqual(['recall: unreachable', 'remember: unreachable']);
    expect(prompts[0]).toHaveLength(1);
  });
});
