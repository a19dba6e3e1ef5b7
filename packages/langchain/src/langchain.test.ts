import { AIMessage, type BaseMessage, HumanMessage } from '@langchain/core/messages';
import { ChatPromptTemplate } from '@langchain/core/prompts';
import { RunnableLambda } from '@langchain/core/runnables';
import { FakeListChatModel } from '@langchain/core/utils/testing';
import { createMemoryClient, type MemoryClient } from '@ogong/sdk';
import { startMemoryServer } from '@ogong/testing/memory/memory-server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MemoryRetriever, rememberConversation } from './index.ts';

let server: Awaited<ReturnType<typeof startMemoryServer>>;
let memory: MemoryClient;
beforeAll(async () => {
  server = await startMemoryServer();
  memory = createMemoryClient(server);
});
afterAll(() => server.close());

type Options = Parameters<typeof rememberConversation>[2];

function open(answer: AIMessage, options: Options, from: Pick<MemoryClient, 'add' | 'search'> = memory) {
  const asked: BaseMessage[][] = [];
  const work: Promise<void>[] = [];
  const model = RunnableLambda.from<BaseMessage[], BaseMessage>((messages) => {
    asked.push(messages);
    return answer;
  });
  const waitUntil = (one: Promise<void>) => void work.push(one);
  const chat = rememberConversation(model, from, { ...options, waitUntil });
  return { chat, asked, ended: () => Promise.all(work) };
}

const retrieve = async (agent: string, query = 'the user') =>
  new MemoryRetriever({ memory, search: { agent_id: agent, limit: 20 } }).invoke(query);

describe('a chat with memory', () => {
  it('recalls an earlier session, and stores no recalled text again', async () => {
    const first = open(new AIMessage('Nice.'), { agentId: 'a', threadId: 'one' });
    await first.chat.invoke([new HumanMessage('I live in Porto.')]);
    await first.ended();
    const second = open(new AIMessage('In Porto.'), { agentId: 'a', threadId: 'two' });
    const prompt = ChatPromptTemplate.fromMessages([
      ['system', 'Be brief.'],
      ['user', '{question}'],
    ]);
    const answer = await prompt.pipe(second.chat).invoke({ question: 'I like tea. Where do I live?' });
    await second.ended();
    expect(answer.text).toBe('In Porto.');
    expect(second.asked[0]?.map(({ type }) => type)).toEqual(['system', 'system', 'human']);
    const marked = /<recalled-memory id="[0-9a-f]{32}">The user lives in Porto<\/recalled-memory>$/;
    expect(second.asked[0]?.[1]?.text).toMatch(marked);

    const found = await retrieve('a');
    expect(found.map(({ metadata }) => metadata.memory).toSorted()).toEqual([
      ...['The user likes tea', 'The user lives in Porto'],
    ]);
    const [home] = await retrieve('a', 'Porto');
    expect(home).toMatchObject({
      pageContent: expect.stringMatching(marked),
      metadata: { id: home?.id, thread_id: 'one', quote: { words: 'I live in Porto.' } },
    });
    expect(await retrieve('b')).toEqual([]);
  });

  it('streams, and remembers the whole answer', async () => {
    const said: string[] = [];
    const watched: Pick<MemoryClient, 'add' | 'search'> = {
      search: memory.search,
      async add(params, options) {
        said.push(...params.messages.map(({ content }) => content));
        return memory.add(params, options);
      },
    };
    const work: Promise<void>[] = [];
    const model = new FakeListChatModel({ responses: ['Good to know.'] });
    const options = { agentId: 'stream', waitUntil: (one: Promise<void>) => void work.push(one) };
    let text = '';
    let chunks = 0;
    for await (const chunk of await rememberConversation(model, watched, options).stream([['user', 'I play chess.']])) {
      text += chunk.text;
      chunks++;
    }
    await Promise.all(work);
    expect([text, chunks > 1]).toEqual(['Good to know.', true]);
    expect(said).toEqual(['I play chess.', 'Good to know.']);
    expect(await retrieve('stream')).toHaveLength(1);
  });

  it('does not remember an answer that calls tools, or one that failed', async () => {
    const call = new AIMessage({ content: '', tool_calls: [{ name: 'weather', args: {}, id: '1' }] });
    const calling = open(call, { agentId: 'none' });
    await calling.chat.invoke([['user', 'I own a boat.']]);
    expect(await calling.ended()).toEqual([]);
    const work: unknown[] = [];
    const failing = RunnableLambda.from<BaseMessage[], BaseMessage>(() => {
      throw new Error('a check failed');
    });
    const chat = rememberConversation(failing, memory, { waitUntil: (one) => void work.push(one) });
    await expect(chat.invoke([['user', 'I own a boat.']])).rejects.toThrow('a check failed');
    expect(work).toEqual([]);
  });

  it('goes on without its memory service, and reports both failures', async () => {
    const failures: string[] = [];
    const fetch = () => Promise.reject(new TypeError('no'));
    const { chat, asked, ended } = open(
      new AIMessage('Hello.'),
      { onFailure: ({ step, error }) => void failures.push(`${step}: ${(error as { code?: string }).code}`) },
      createMemoryClient({ baseUrl: 'http://memory.test', fetch }),
    );
    expect((await chat.invoke('I live in Porto.')).text).toBe('Hello.');
    await ended();
    expect(failures).toEqual(['recall: unreachable', 'remember: unreachable']);
    expect(asked[0]).toHaveLength(1);
  });
});
