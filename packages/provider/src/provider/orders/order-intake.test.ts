import type { NamedOrder } from '@ogong/protocol/exchange/order';
import { NO_MEDIA } from '@ogong/protocol/modality/media/media';
import { createFakeEngine } from '@ogong/testing/engine/fake';
import { expect, it } from 'vitest';
import { parseModelRequest } from '../../modality/text/model-request.ts';
import { textOrders } from '../../modality/text/text-orders.ts';
import { claimOrder } from './order-intake.ts';

const ORDER = { replyId: new Uint8Array(16), orderHash: new Uint8Array(32), epoch: 1n, expiresAtMs: 2n };
const BODY = new TextEncoder().encode('{"model": "a", "messages": [{"role": "user", "content": "hello"}]}');

/** Accepts an order whose prompt is counted once the test says so. */
function accept(claim: () => Promise<void> | 'taken') {
  const steps: string[] = [];
  const counted = Promise.withResolvers<Uint32Array>();
  const engine = createFakeEngine();
  const tokenizePrompt = () => {
    steps.push('count');
    return counted.promise;
  };
  const context = {
    beacons: { get: async () => ({}) },
    replyIds: {
      claim() {
        steps.push('claim');
        return claim();
      },
    },
    signer: {
      publicKey: new Uint8Array(1_344),
      sign: () => expect.unreachable(),
      async signAside() {
        steps.push('sign');
        return new Uint8Array(2_484);
      },
    },
  };
  const checked = {
    order: ORDER as unknown as NamedOrder,
    endpoint: 'chat',
    request: parseModelRequest(BODY, 'chat', 0),
    media: NO_MEDIA,
  };
  const message = { order: {}, milestones: false };
  const accepted = textOrders.accept(
    { engine: { ...engine, tokenizePrompt }, info: engine.info() } as never,
    checked as never,
    { message: message as never, claim: () => claimOrder(context as never, checked as never, message as never) },
  );
  return { steps, accepted, counted };
}

it('signs the consent while the prompt is counted and the claim goes to the disk', async () => {
  const { steps, accepted, counted } = accept(() => new Promise(() => {}));
  await expect.poll(() => steps).toEqual(['count', 'claim', 'sign']);
  counted.reject(new Error('the prompt is too long'));
  await expect(accepted).rejects.toThrow('too long');
});

it('signs no consent to an order whose reply id is taken', async () => {
  const { steps, accepted } = accept(() => 'taken');
  await expect(accepted).rejects.toMatchObject({ message: expect.stringContaining('an id is served once') });
  expect(steps).toEqual(['count', 'claim']);
});
