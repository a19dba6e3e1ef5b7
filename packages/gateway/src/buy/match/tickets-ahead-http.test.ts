import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { utf8Encode } from '@ogong/protocol/base/bytes';
import { parseOrder } from '@ogong/protocol/exchange/order';
import { parseTicket } from '@ogong/protocol/exchange/ticket';
import { parseReceipt, type Receipt } from '@ogong/protocol/stage1/receipt';
import { verifyReceipt } from '@ogong/protocol/verdict/receipt/verify-receipt';
import { FAKE_MODEL } from '@ogong/testing/gateway/fake-network';
import { createGatewayFixture, type FixtureOptions, type GatewayFixture } from '@ogong/testing/gateway/gateway-fixture';
import { afterEach, describe, expect, it } from 'vitest';
import type { OgongField } from '../../front/ogong-field.ts';

let fixture: GatewayFixture;
let isOpen = false;
afterEach(async () => {
  if (isOpen) await fixture.close();
  isOpen = false;
});

/** Tickets are kept for seconds. Here no time passes, however long a step takes. */
async function open(options: FixtureOptions): Promise<void> {
  const startMs = Date.now();
  fixture = await createGatewayFixture({ ...options, clock: { nowMs: () => startMs } });
  isOpen = true;
}

const REQUEST = { model: FAKE_MODEL, messages: [{ role: 'user', content: 'Tell me a story' }] };

/** @returns the reply, and every failed check of its receipt. */
async function buy(body: Readonly<Record<string, unknown>> = REQUEST): Promise<{ receipt: Receipt; failed: string[] }> {
  const request = JSON.stringify(body);
  const headers = { 'content-type': 'application/json', 'x-ogong-receipt': 'inline' };
  const response = await fetch(`${fixture.url}/v1/chat/completions`, { method: 'POST', headers, body: request });
  expect(response.status).toBe(200);
  const answer = (await response.json()) as { choices: { message: { content: string } }[]; ogong: OgongField };
  const receipt = parseReceipt(answer.ogong.receipts[0]?.receipt ?? answer.ogong.receipts[0]);
  const given = {
    crypto,
    request: utf8Encode(request),
    response: utf8Encode(answer.choices[0]?.message.content ?? ''),
  };
  const { checks } = await verifyReceipt(receipt, { ...given, trust: {} });
  return { receipt, failed: checks.filter(({ status }) => status === 'fail').map(({ id }) => id) };
}

describe('a gateway that keeps tickets ahead', () => {
  it('orders under one that was drawn before its request, and the receipt holds', async () => {
    await open({ ticketsAhead: 4, providers: [{}, {}] });
    await buy();
    await expect.poll(() => fixture.network.routed.length).toBe(2);
    const ahead = fixture.network.routed[1]?.replyId;
    const body = { ...REQUEST, messages: [{ role: 'user', content: 'Tell me another one' }] };
    const { receipt, failed } = await buy(body);
    expect(failed).toEqual([]);
    expect(parseTicket(receipt.ticket.bytes).replyId).toEqual(ahead);
    expect(parseOrder(receipt.order.bytes).requestHash.length).toBe(32);
    await expect.poll(() => fixture.network.routed.length).toBe(3);
  });

  it('gives its places back where every provider is busy', async () => {
    await open({ ticketsAhead: 4 });
    await buy();
    await expect.poll(() => fixture.network.routed.length).toBe(2);
    const held = fixture.network.routed[1]?.replyId;
    fixture.network.busy = 1;
    const { failed } = await buy({ ...REQUEST, max_tokens: 3_000 });
    expect(failed).toEqual([]);
    const back = () =>
      fixture.network.reports.filter(({ outcome }) => outcome === 'unused').map(({ replyId }) => replyId);
    await expect.poll(back).toEqual([held]);
  });

  it('gives all back when it stops', async () => {
    await open({ ticketsAhead: 4 });
    await buy();
    await expect.poll(() => fixture.network.routed.length).toBe(2);
    await fixture.gateway.stop();
    const unused = fixture.network.reports.filter(({ outcome }) => outcome === 'unused');
    expect(unused.map(({ replyId }) => replyId)).toEqual([fixture.network.routed[1]?.replyId]);
  });

  it('asks for each request where it is to keep none', async () => {
    await open({ ticketsAhead: 0 });
    for (let i = 0; i < 2; i++) await buy();
    expect(fixture.network.routed.length).toBe(2);
  });
});
