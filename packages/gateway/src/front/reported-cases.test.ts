import { AGENT_BODIES, missingReportedCases, readReportedCase, whySkipped } from '@ogong/testing/clients/reported-case';
import { FAKE_MODEL } from '@ogong/testing/gateway/fake-network';
import { createGatewayFixture, type GatewayFixture } from '@ogong/testing/gateway/gateway-fixture';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

let fixture: GatewayFixture;
beforeAll(async () => {
  fixture = await createGatewayFixture();
});
afterAll(() => fixture.close());

describe.skipIf(missingReportedCases !== undefined)(`a request that failed once, with a gateway${whySkipped}`, () => {
  it.each([
    ['gateway-max-tokens-above-context', { 'x-ogong-clamped': 'max_tokens=4096' }],
    ['anthropic-thread', { 'x-ogong-ignored': 'thread' }],
    ['responses-built-in-and-custom-tools', { 'x-ogong-ignored': 'tools[1], tools[2]' }],
  ])('is answered, and says what was changed: %s', async (name, headers) => {
    const { path, init } = readReportedCase(name, FAKE_MODEL);
    const response = await fetch(`${fixture.url}${path}`, init);
    await response.text();
    expect([response.status, Object.fromEntries(response.headers)]).toEqual([200, expect.objectContaining(headers)]);
  });

  it('has no citations in its answer (Anthropic)', async () => {
    const { path, init } = readReportedCase('anthropic-citations-null', FAKE_MODEL);
    const { content } = (await (await fetch(`${fixture.url}${path}`, init)).json()) as { content: object[] };
    expect(content).toEqual([{ type: 'text', text: expect.any(String) }]);
  });
});

it.each(Object.keys(AGENT_BODIES))(
  'orders the first request of a coding agent at %s for what the context can bill',
  async (path) => {
    const before = fixture.network.orders.length;
    const response = await fetch(`${fixture.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: FAKE_MODEL, ...AGENT_BODIES[path] }),
    });
    await response.text();
    expect([response.status, response.headers.get('x-ogong-clamped')]).toEqual([200, 'max_tokens=4096']);
    const [order] = fixture.network.orders.slice(before);
    expect(order).toMatchObject({ contextSize: 4_096 });
    const { maxFeeAtomic = 0n, pricePer1kAtomic = 0n } = order ?? {};
    expect(maxFeeAtomic).toBe((pricePer1kAtomic * 4_096n + 999n) / 1_000n);
  },
);
