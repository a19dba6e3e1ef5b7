import { create } from '@bufbuild/protobuf';
import { LinkError } from '@ogong/host/link/link-error';
import { createGroupCommit } from '@ogong/host/store/group-commit';
import { openStore } from '@ogong/host/store/store';
import { signEnd } from '@ogong/protocol/exchange/ending/order-end';
import type { SignedIntake } from '@ogong/protocol/exchange/intake-receipt';
import { PushRecordRequestSchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { createHeldLog } from '@ogong/testing/store/test-log';
import { createTestValidator, provider } from '@ogong/testing/validator/test-bench';
import { toPushMessage } from '@ogong/testing/validator/test-reply';
import { expect, it } from 'vitest';
import { PROVIDER_SCHEMA } from '../provider-store.ts';
import { createOutbox } from './outbox.ts';

const own = createTestValidator();
const order = own.order(0);
const { replyId, orderHash, validator } = order.fields;
const message = create(PushRecordRequestSchema, toPushMessage(own.serve(order).submission));
const receipt: SignedIntake = {
  ...{ validator, orderHash, recordHash: new Uint8Array(32) },
  ...{ epoch: 3n, signature: new Uint8Array(65).fill(7) },
};

/** An outbox with one record, which the validator does not answer before `answer` is called. */
async function openOutbox() {
  const store = openStore(':memory:', { schema: PROVIDER_SCHEMA });
  const commits = createGroupCommit(store);
  const sizes: number[] = [];
  let pushes = 0;
  const { promise, resolve: answer } = Promise.withResolvers<SignedIntake>();
  const started = Promise.withResolvers<void>();
  const outbox = createOutbox(
    {},
    {
      ...{ store, commits, clock: { nowMs: () => 1_000 } },
      push() {
        pushes++;
        started.resolve();
        return promise;
      },
      onSize: (size) => sizes.push(size),
    },
  );
  await outbox.add(replyId, validator, message);
  const close = async () => {
    answer(receipt);
    await outbox.stop();
    await commits.close();
    store.close();
  };
  return { outbox, sizes, answer, started: started.promise, pushes: () => pushes, close };
}

it('keeps a receipt that came by another way, and sends that record no more', async () => {
  const { outbox, pushes, sizes, close } = await openOutbox();
  expect(await outbox.find(replyId)).toMatchObject({ intake: undefined });
  await outbox.settle({ ...receipt, replyId });
  outbox.start();
  expect([outbox.size(), sizes.at(-1)]).toEqual([0, 0]);
  expect(await outbox.find(replyId)).toMatchObject({
    ...{ push: message, intake: { epoch: 3n, signature: receipt.signature } },
  });
  await close();
  expect(pushes()).toBe(0);
});

it('counts a record once whose receipt comes by two ways', async () => {
  const { outbox, started, sizes, close } = await openOutbox();
  outbox.start();
  await started;
  await outbox.settle({ ...receipt, replyId });
  await close();
  expect([outbox.size(), sizes.at(-1), Math.min(...sizes)]).toEqual([0, 0, 0]);
});

it('keeps none for a record that it does not have', async () => {
  const { outbox, close } = await openOutbox();
  const other = new Uint8Array(16).fill(9);
  await outbox.settle({ ...receipt, replyId: other });
  expect([outbox.size(), await outbox.find(other)]).toEqual([1, undefined]);
  await close();
});

it('sends and shows no record that is not on the disk', async () => {
  const store = openStore(':memory:', { schema: PROVIDER_SCHEMA });
  const { log, begun, fail } = createHeldLog();
  const commits = createGroupCommit(store, { log });
  const pushes: ReturnType<typeof Promise.withResolvers<SignedIntake>>[] = [];
  const outbox = createOutbox(
    {},
    {
      ...{ store, commits, clock: { nowMs: () => 1_000 } },
      push() {
        const pushed = Promise.withResolvers<SignedIntake>();
        pushes.push(pushed);
        return pushed.promise;
      },
    },
  );
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(() => resolve())));
  const first = outbox.add(replyId, validator, message);
  await turn();
  outbox.start();
  await turn();
  expect(pushes.length).toBe(0);
  begun[0]?.end();
  await first;
  await turn();
  expect(pushes.length).toBe(1);
  const other = new Uint8Array(16).fill(9);
  const second = outbox.add(other, validator, message);
  await turn();
  const shown: unknown[] = [];
  const showing = outbox.find(other).then((found) => shown.push(found));
  // An answer has the next due ones sent. The receipt itself may be lost.
  pushes[0]?.resolve(receipt);
  await turn();
  expect([begun.length, pushes.length, shown]).toEqual([2, 1, []]);
  fail(1);
  await expect(second).rejects.toMatchObject({ code: 'io' });
  await expect(showing).rejects.toMatchObject({ code: 'io' });
  await turn();
  expect(pushes.length).toBe(1);
  await outbox.stop();
  await commits.close();
  store.close();
});

it('hands an end in until the order is over, where the validator does not know the order, and then forgets it', async () => {
  const store = openStore(':memory:', { schema: PROVIDER_SCHEMA });
  const commits = createGroupCommit(store);
  let nowMs = Number(order.fields.expiresAtMs) - 50;
  const retried: Uint8Array[] = [];
  const refused: Uint8Array[] = [];
  const outbox = createOutbox(
    { firstRetryMs: 1, maxRetryMs: 1 },
    {
      ...{ store, commits, clock: { nowMs: () => nowMs++ } },
      push: () => Promise.reject(new LinkError('remote', 'no such reply', { refusal: 'not-found' })),
      onRetry: (id) => retried.push(id),
      onRefused: (id) => refused.push(id),
    },
  );
  const end = signEnd(provider, { orderHash, code: 'stopped', timeMs: 1 });
  await outbox.add(replyId, validator, create(PushRecordRequestSchema, { order: message.order!, end }));
  outbox.start();
  expect((await outbox.find(replyId))?.push.end?.end).toEqual(end.end);
  await expect.poll(() => outbox.size()).toBe(0);
  expect([retried[0], refused, await outbox.find(replyId)]).toEqual([replyId, [], undefined]);
  await outbox.stop();
  await commits.close();
  store.close();
});
