import { FAKE_MODEL } from '@ogong/testing/gateway/fake-network';
import { afterEach, describe, expect, it } from 'vitest';
import { openRouter } from '../../../bad-days/router-door.ts';
import { ghostCapacity } from './ghost-capacity.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

async function list() {
  const router = await openRouter();
  closing.push(router.close);
  await router.service.announce(router.announcement());
  return router;
}

describe.skipIf(process.platform !== 'linux')('a provider that announces slots that it does not have', () => {
  it.each([
    [['127.0.2.1'], 3],
    [['127.0.2.1', '127.0.2.2', '127.0.2.3', '127.0.2.4'], 12],
  ])('wastes few requests of callers at %j', async (addresses, most) => {
    const { door } = await list();
    const { wasted } = await ghostCapacity.play({ door, model: FAKE_MODEL, requests: 60, addresses });
    expect(wasted).toBeGreaterThan(0);
    expect(wasted).toBeLessThanOrEqual(most);
  });

  it('wastes no more of them by asking for tickets under the ids of the orders that it refuses', async () => {
    const { door } = await list();
    const addresses = ['127.0.2.1'];
    const { wasted } = await ghostCapacity.play({
      ...{ door, model: FAKE_MODEL, requests: 60, addresses, thief: '127.0.2.9' },
    });
    expect(wasted).toBeGreaterThan(0);
    expect(wasted).toBeLessThanOrEqual(3);
  });

  it('is not made of an honest one by a caller or two', async () => {
    const router = await list();
    const addresses = ['127.0.2.1'];
    await ghostCapacity.play({ door: router.door, model: FAKE_MODEL, requests: 60, addresses });
    const { ticket } = await router.service.route(router.route());
    expect(ticket?.ticket.length).toBeGreaterThan(0);
  });
});
