import { createNetwork } from '@ogong/testing/provider/provider-fixture';
import { expect, it } from 'vitest';
import { lyingTicket } from './lying-ticket.ts';

it('a router that signs other terms than it listed, or than were announced, has nobody served by them', async () => {
  const network = await createNetwork();
  try {
    const { answered, refused, evidence, declined } = await lyingTicket.play(network);
    expect(answered).toBe(true);
    expect(Object.values(refused)).not.toContain(undefined);
    // One that is about another model, list or reply is void for whoever asked, and looked at no further.
    expect([...evidence].sort()).toEqual(['context', 'payee', 'price', 'provider']);
    expect(declined).toEqual({
      payee: expect.stringContaining("this provider's is"),
      'less context': expect.stringContaining('here it holds'),
      'more context': expect.stringContaining('here it holds'),
      price: expect.stringContaining('the price is'),
      'ticket alone': expect.stringContaining('ticket and order disagree'),
    });
  } finally {
    await network.close();
  }
});
