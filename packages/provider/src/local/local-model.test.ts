import type { TextEngine } from '@ogong/engine/interface/text';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLocalFixture, type LocalFixture, shelve } from './local-fixture.ts';

const running = { begun: 0, ended: 0 };

/** A fake engine that counts the answers whose generator has not returned. Such a generator still listens to its signal. */
function createCountedEngine(): TextEngine {
  const engine = createFakeEngine({ contextSize: 512 });
  return {
    ...engine,
    async *generate(request, options) {
      running.begun++;
      try {
        yield* engine.generate(request, options);
      } finally {
        running.ended++;
      }
    },
  };
}

let fixture: LocalFixture;
beforeAll(async () => {
  fixture = await createLocalFixture({ models: [shelve('fake')], open: createCountedEngine });
});
afterAll(() => fixture.close());

describe('an answer that has ended', () => {
  const messages = [{ role: 'user', content: 'Once upon a time' }];
  const prompt = 'Once upon a time';

  it.each([
    ['/v1/chat/completions', { messages, max_tokens: 3 }],
    ['/v1/completions', { prompt, max_tokens: 3, n: 2 }],
    ['/v1/completions', { prompt, max_tokens: 3, echo: true }],
    ['/v1/messages', { messages, max_tokens: 3 }],
    ['/v1/responses', { input: prompt, max_output_tokens: 16 }],
    ['/api/chat', { messages, options: { num_predict: 3 } }],
    ['/api/generate', { prompt, options: { num_predict: 3 } }],
  ])('leaves nothing open in the engine: %s', async (path, asked) => {
    Object.assign(running, { begun: 0, ended: 0 });
    for (const stream of [false, true]) {
      const response = await fixture.post(path, { model: 'fake', stream, ...asked });
      await response.text();
      expect(response.status).toBe(200);
    }
    expect(running.begun).toBeGreaterThanOrEqual(2);
    expect(running.ended).toBe(running.begun);
  });
});
