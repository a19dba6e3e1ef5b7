import { createRequest, keyOf } from '@ogong/testing/engine/compliance-requests';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { createFakeModel, FAKE_LAYERS } from '@ogong/testing/engine/fake-model';
import { expect, it } from 'vitest';
import type { HostMessage } from './child-messages.ts';
import { createTextHost } from './text-host.ts';

const tokensOf = (length: number): Uint32Array => Uint32Array.from({ length }, (_, i) => 259 + (i % 7));

it('sends the first text of each reply at once while the tokens of other replies wait for each other', async () => {
  const info = createFakeEngine({ sequences: 4 }).info();
  const { vocabularySize, embeddingSize, contextSize } = info;
  const ended = Promise.withResolvers<void>();
  const messages: Extract<HostMessage, { kind: 'events' }>['events'][] = [];
  const running = new Set([1, 2, 3]);
  const host = createTextHost({
    model: createFakeModel({ vocabularySize, embeddingSize, contextSize, weights: 1, layers: FAKE_LAYERS }),
    info,
    ...{ promptChunk: 16, maxQueue: 4, gatherMs: Number.MAX_SAFE_INTEGER },
    usesTemplate: () => true,
    tokenizePrompt: (prompt) => (prompt.kind === 'tokens' ? prompt.tokens : tokensOf(1)),
    send(message) {
      if (message.kind !== 'events') return ended.reject(new Error(`a message of kind ${message.kind}`));
      messages.push(message.events);
      for (const [id, event] of message.events) if (event.kind === 'end') running.delete(id);
      if (running.size === 0) ended.resolve();
    },
  });
  // Prompts of one, two and three passes, so that each reply begins while others decode.
  for (const id of running) {
    const prompt = { kind: 'tokens', tokens: tokensOf(16 * id) } as const;
    host.generate(id, createRequest('', { prompt, maxTokens: 24, drawKey: keyOf(id) }));
  }
  await ended.promise;
  host.close();
  for (const id of [1, 2, 3]) {
    const events = messages.map((all) => all.flatMap(([of, event]) => (of === id ? [event] : [])));
    const hasText = (kinds: (typeof events)[number]) => kinds.some((one) => one.kind === 'token' && one.text !== '');
    const first = events.find(hasText);
    expect(first?.map(({ kind }) => kind)).toEqual(['token']);
  }
  // The other tokens share messages.
  expect(messages.length).toBeLessThan(24);
});
