import { FAKE_MODEL } from '@ogong/testing/gateway/fake-network';
import { createGatewayFixture, type GatewayFixture } from '@ogong/testing/gateway/gateway-fixture';
import { WEATHER_TOOL } from '@ogong/testing/synthetic/synthetic-agent';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createClient, encodeAgentChain, runAgent, verifyAgentChain } from '../index.ts';

let fixture: GatewayFixture;
beforeAll(async () => {
  fixture = await createGatewayFixture();
});
afterAll(() => fixture?.close());

/** The network of this test is made up: nobody knows it beforehand. */
const allow = ['router', 'ledger', 'validator', 'admission', 'intake', 'model-root', 'beacon', 'sketch-bank'];

it('an agent asks a gateway, and anybody checks its file', async () => {
  const { content, steps } = await runAgent({
    client: createClient({ baseUrl: fixture.url, allow }),
    model: FAKE_MODEL,
    messages: [{ role: 'user', content: 'Is it warm in Paris?' }],
    tools: [{ ...WEATHER_TOOL, run: ({ city }) => `sunny in ${city}` }],
  });
  expect(content).toMatch(/^Once upon a time/);
  expect(steps.map(({ calls }) => calls.map(({ result }) => result))).toEqual([['sunny in Paris'], []]);
  const { ok, checks } = await verifyAgentChain(encodeAgentChain(steps), { allow, nowMs: Date.now() });
  expect(checks.filter(({ status }) => status !== 'pass')).toEqual([]);
  expect(ok).toBe(true);
});
