import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { verifyAgentChain } from '@ogong/sdk';
import { startMemoryServer } from '@ogong/testing/memory/memory-server';
import { writeCall } from '@ogong/testing/synthetic/synthetic-agent';
import { createSyntheticGateway } from '@ogong/testing/synthetic/synthetic-gateway';
import { SYNTHETIC_MODEL } from '@ogong/testing/synthetic/synthetic-reply';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { askAgent } from '../docs/examples/agent-with-memory.ts';
import { answerMessage } from '../docs/examples/remembering-chat.ts';
import { type ExampleSettings, readSettings } from '../docs/examples/settings.ts';

let memory: Awaited<ReturnType<typeof startMemoryServer>>;
beforeAll(async () => {
  memory = await startMemoryServer();
});
afterAll(() => memory.close());

/** A gateway whose model answers by the function. All its receipts are checked in full. */
function open(answer: Parameters<typeof createSyntheticGateway>[1]) {
  const { fetch, trust, requests } = createSyntheticGateway(crypto, answer);
  const gateway = { baseUrl: 'http://gateway.test', fetch, trust };
  return { settings: { gateway, memory, model: SYNTHETIC_MODEL } satisfies ExampleSettings, trust, requests };
}

describe('the examples', () => {
  it('chat across sessions, with memories of the earlier one', async () => {
    const known = /<recalled-memory id="[0-9a-f]{32}">The user (lives in \w+)</;
    const { settings, requests } = open(({ messages }) => {
      const found = messages.flatMap(({ content }) => known.exec(content)?.[1] ?? []);
      return found.length === 0 ? 'I do not know.' : `The user ${found[0]}.`;
    });
    expect(await answerMessage('I live in Porto.', settings)).toBe('I do not know.');
    expect(await answerMessage('Where do I live?', settings)).toBe('The user lives in Porto.');
    expect(requests.map(({ messages }) => messages.map(({ role }) => role))).toEqual([['user'], ['system', 'user']]);
  });

  it('run an agent with two tools, whose file verifies', async () => {
    const question = 'I play chess. What do you know about me?';
    const { settings, trust, requests } = open(
      ({ messages }, place) =>
        [
          writeCall('remember', '{"text": "I play chess."}'),
          writeCall('recall', '{"text": "chess"}'),
          `You said: ${messages.at(-1)?.content}`,
        ][place] as string,
    );
    const { content, file } = await askAgent(question, settings);
    expect(content).toMatch(/^You said: <recalled-memory id="[0-9a-f]{32}">The user plays chess<\/recalled-memory>/);
    expect(requests).toHaveLength(3);
    const verdict = await verifyAgentChain(file, { trust, nowMs: Date.now() });
    expect(verdict.checks.filter(({ status }) => status !== 'pass')).toEqual([]);
    const forged = new TextEncoder().encode(new TextDecoder().decode(file).replace('plays chess', 'plays poker'));
    expect((await verifyAgentChain(forged, { trust, nowMs: Date.now() })).ok).toBe(false);
  });

  it('name a variable that is missing', () => {
    expect(() => readSettings({ OGONG_MODEL: 'm' })).toThrow('set OGONG_TRUST');
  });
});
