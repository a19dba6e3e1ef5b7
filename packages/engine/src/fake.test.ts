import { describe, expect, it } from 'vitest';
import { collectReply, createRequest, createScoreRequest, describeEngine } from './compliance.ts';
import { createFakeEngine } from './fake.ts';

describeEngine({
  name: 'fake engine',
  open: async (options) => createFakeEngine(options),
  prompts: ['Once upon a time', 'a', 'The longest prompt of these has more bytes than one prompt chunk holds', 'é🙂'],
});

describe('fake engine faults', () => {
  it('differs in score where its weights differ', async () => {
    const honest = createFakeEngine();
    const cheat = createFakeEngine({ error: 0.01 });
    const request = createRequest('Once upon a time');
    const reply = await collectReply(cheat.generate(request));
    const scored = await honest.score(createScoreRequest(honest, request, reply));
    expect(scored.windows).not.toEqual(reply.windows);
  });

  it('fails every running reply when a decode fails, and serves the next', async () => {
    const engine = createFakeEngine({ failAtDecode: 8 });
    const running = [1, 2].map(() => collectReply(engine.generate(createRequest('a', { maxTokens: 100 }))));
    for (const reply of await Promise.allSettled(running)) {
      expect(reply).toMatchObject({ status: 'rejected', reason: { code: 'engine-crashed', retryable: true } });
    }
    expect(
      (await collectReply(engine.generate(createRequest('a', { maxTokens: 3 })))).outputTokens.length,
    ).toBeGreaterThan(0);
  });
});
