import { expect, it } from 'vitest';
import { type ChatTurn, composeBody } from '../conversation.ts';
import { GatewayRefusal, type JsonCall } from '../gateway-call.ts';
import { createChatMemory } from './chat-memory.ts';

const ID = 'ab'.repeat(16);
const marked = `<recalled-memory id="${ID}">The user lives in Porto</recalled-memory>`;
const found = { id: ID, memory: 'The user lives in Porto', recalled: marked };
const { signal } = new AbortController();
const turn: ChatTurn = {
  ...{ id: 1, model: 'ogong/verified/acme/small', question: 'Where do I live?', answer: 'Porto', state: 'answered' },
  body: '{}',
};

function createMemory(answer: () => Promise<unknown>, { remembers = true, turns = [turn] } = {}) {
  const state = { remembers, turns };
  const asked: JsonCall[] = [];
  const told: object[] = [];
  const memory = createChatMemory(
    (call) => {
      asked.push(call);
      return answer();
    },
    { get: () => state, publish: (change) => told.push(change), change: (_, part) => told.push(part) },
  );
  return { memory, asked, told, state };
}

it('recalls memories for a question as a system message in front', async () => {
  const { memory, told } = createMemory(async () => ({ memories: [found] }));
  const recalled = await memory.recall(turn, signal);
  expect(told).toEqual([{ recalled: { memories: [{ id: ID, text: found.memory }] } }]);
  const { messages } = composeBody([turn], turn.model, { text: 'next', pictures: [] }, recalled);
  expect(messages.map(({ role }) => role)).toEqual(['system', 'user', 'assistant', 'user']);
  expect(messages[0]?.content).toContain(marked);
});

it.each([
  ['the switch is off', {}, false],
  ['its model takes sealed questions alone', { model: 'ogong/tee/acme/small' }, true],
  ['it asks for a picture', { isPicture: true }, true],
  ['it has no text', { question: '' }, true],
])('sends nothing of a turn if %s', async (_, change, remembers) => {
  const given = { ...turn, ...change };
  const { memory, asked } = createMemory(async () => ({ memories: [] }), { remembers, turns: [given] });
  expect(await memory.recall(given, signal)).toEqual([]);
  await memory.keep(given.id, '2026-05-08T10:00:00.000Z');
  expect(asked).toEqual([]);
});

it('asks without memories if the search fails, and not at all if the user has stopped', async () => {
  const { memory, told } = createMemory(() => Promise.reject(new Error('no budget')));
  expect(await memory.recall(turn, signal)).toEqual([]);
  expect(told).toEqual([{ recalled: { problem: 'no budget' } }]);
  await expect(memory.recall(turn, AbortSignal.abort())).rejects.toThrow();
});

it('stores the question and the answer, and marks no turn of a new chat', async () => {
  const gate = Promise.withResolvers<unknown>();
  const { memory, asked, told, state } = createMemory(() => gate.promise);
  const kept = memory.keep(1, '2026-05-08T10:00:00.000Z');
  state.turns = [{ ...turn, body: '{"seed":1}' }];
  gate.resolve({ memories: [] });
  await kept;
  expect(asked[0]?.body).toMatchObject({ messages: [{ role: 'user', content: turn.question }, { content: 'Porto' }] });
  expect(told).toEqual([]);
  await memory.keep(1, '2026-05-08T10:00:00.000Z');
  expect(told).toEqual([{ kept: { texts: [] } }]);
});

it.each([
  [404, []],
  [429, [{ problem: 'The memories were not read: refused' }]],
])('shows no memories after a refusal with status %d', async (status, expected) => {
  const { memory, told } = createMemory(() => Promise.reject(new GatewayRefusal('refused', status)));
  await memory.find();
  expect(told).toEqual(expected);
});
