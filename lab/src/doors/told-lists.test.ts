import { clone, create } from '@bufbuild/protobuf';
import type { LinkError } from '@ogong/host/link/link-error';
import { MAX_TOLD_REPLIES } from '@ogong/protocol/exchange/limits';
import {
  AcknowledgeRequestSchema,
  type SignedDelivery,
  ValidatorService,
} from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { createTestValidator, ledger, payer, provider } from '@ogong/testing/validator/test-bench';
import { createTestDelivery } from '@ogong/testing/validator/test-reply';
import { writeDelivered } from '@ogong/validator/wire-messages';
import { expect, it, onTestFinished } from 'vitest';
import { serveValidator } from '../bad-days/validator-door.ts';

const STRANGER = 1;

async function open(rates?: NonNullable<Parameters<typeof serveValidator>[1]>['rates']) {
  const validator = createTestValidator();
  await validator.announce(provider);
  const served = await serveValidator(validator, rates && { rates });
  onTestFinished(async () => {
    await served.close();
    validator.close();
  });
  const service = (await served.connect(STRANGER)).service(ValidatorService);
  /** Returns the payer's delivery statement about an admitted order with a received record. */
  const serve = async (number: number) => {
    const order = validator.order(number);
    await validator.intake.admit(order);
    const reply = validator.serve(order);
    await validator.intake.pushRecord(reply.submission);
    return create(AcknowledgeRequestSchema, writeDelivered(createTestDelivery(order, reply, { payer, ledger })));
  };
  return { service, serve, serveTwo: async () => [await serve(0), await serve(1)] as const };
}

it('deliveries of one call are processed like single ones, in their order', async () => {
  const { service, serveTwo } = await open();
  const [first, second] = await serveTwo();
  const { answers } = await service.acknowledgeAll({ told: [first, second] });
  expect(answers.map(({ outcome }) => outcome)).toEqual(['taken', 'taken']);
  expect(answers[0]).toEqual(await service.acknowledge(first));
  expect(answers[1]).toEqual(await service.acknowledge(second));
  expect(answers[0]?.held).not.toEqual(answers[1]?.held);
});

it('one delivery that does not hold has the call refused, and takes nothing from the others', async () => {
  const { service, serveTwo } = await open();
  const [first, second] = await serveTwo();
  const forged = clone(AcknowledgeRequestSchema, second);
  (forged.delivery as SignedDelivery).signature = new Uint8Array(65);
  await expect(service.acknowledgeAll({ told: [forged, first] })).rejects.toMatchObject({ refusal: 'invalid' });
  // Like a repeated delivery.
  const { answers } = await service.acknowledgeAll({ told: [first, second] });
  expect(answers.map(({ outcome, held }) => [outcome, held.length])).toEqual([
    ['taken', 65],
    ['taken', 65],
  ]);
});

it('a call reports a limited number of replies', async () => {
  const { service, serve } = await open();
  const first = await serve(0);
  const told = Array.from({ length: MAX_TOLD_REPLIES + 1 }, () => first);
  await expect(service.acknowledgeAll({ told })).rejects.toMatchObject({ refusal: 'invalid' });
  await expect(service.acknowledgeAll({ told: [] })).rejects.toMatchObject({ refusal: 'invalid' });
});

it('each forged delivery of a list counts as a refusal of its own, and many of them close the link', async () => {
  const { service, serve } = await open();
  const forged = clone(AcknowledgeRequestSchema, await serve(0));
  (forged.delivery as SignedDelivery).signature = new Uint8Array(65);
  const told = Array.from({ length: MAX_TOLD_REPLIES }, () => forged);
  const outcomes: string[] = [];
  // A caller may get 250 refusals at once, less than eight full lists.
  for (let i = 0; i < 12; i++) {
    await service.acknowledgeAll({ told }).catch((error: LinkError) => outcomes.push(error.refusal ?? error.code));
  }
  expect(outcomes.slice(0, 7)).toEqual(Array.from({ length: 7 }, () => 'invalid'));
  expect(outcomes.slice(7)).toContain('unreachable');
});

it('a list that has no room as a whole takes nothing of the rate', async () => {
  const { service, serveTwo } = await open({
    'ogong.v1.ValidatorService/Acknowledge': { perSecond: 0.001, burst: 3 },
  });
  const [first, second] = await serveTwo();
  await service.acknowledgeAll({ told: [first, second] });
  await expect(service.acknowledgeAll({ told: [first, second] })).rejects.toMatchObject({ code: 'rate-limited' });
  await service.acknowledge(first);
  await expect(service.acknowledge(first)).rejects.toMatchObject({ code: 'rate-limited' });
});

it('each delivery counts as a call of its own where calls are rationed', async () => {
  const { service, serveTwo } = await open({
    'ogong.v1.ValidatorService/Acknowledge': { perSecond: 0.001, burst: 3 },
  });
  const told = [...(await serveTwo())];
  await service.acknowledgeAll({ told });
  await expect(service.acknowledgeAll({ told })).rejects.toMatchObject({ code: 'rate-limited' });
});
