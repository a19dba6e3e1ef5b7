import { testReportedCases } from '@ogong/testing/clients/expected-answers';
import { AGENT_BODIES, missingReportedCases, whySkipped } from '@ogong/testing/clients/reported-case';
import { FAKE_MODEL } from '@ogong/testing/gateway/fake-network';
import { createGatewayFixture, type GatewayFixture } from '@ogong/testing/gateway/gateway-fixture';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

let fixture: GatewayFixture;
beforeAll(async () => {
  fixture = await createGatewayFixture({ modalities: ['text'] });
});
afterAll(() => fixture.close());

describe.skipIf(missingReportedCases !== undefined)(`a request that failed once, with a gateway${whySkipped}`, () => {
  testReportedCases('gateway', { url: () => fixture.url, models: { text: FAKE_MODEL, large: FAKE_MODEL } });
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
