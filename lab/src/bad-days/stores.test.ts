import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from '@bufbuild/protobuf';
import { createGroupCommit } from '@ogong/host/store/group-commit';
import { openStore } from '@ogong/host/store/store';
import { PushRecordRequestSchema } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { PROVIDER_SCHEMA } from '@ogong/provider/provider/provider-store';
import { createOutbox } from '@ogong/provider/provider/serving/outbox';
import { createTestValidator } from '@ogong/testing/validator/test-bench';
import { toPushMessage } from '@ogong/testing/validator/test-reply';
import { afterAll, expect, it } from 'vitest';
import { readServedRequest } from './stores.ts';

const directory = mkdtempSync(join(tmpdir(), 'ogong-stores-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

it('reads the request of a reply from the store of its provider, before and after its validator took it', async () => {
  const own = createTestValidator();
  const order = own.order(0);
  const { replyId, orderHash, validator } = order.fields;
  const message = create(PushRecordRequestSchema, toPushMessage(own.serve(order).submission));
  mkdirSync(join(directory, 'cheat'));
  const store = openStore(join(directory, 'cheat', 'provider.db'), { schema: PROVIDER_SCHEMA });
  const commits = createGroupCommit(store);
  const push = () => Promise.reject(new Error('nothing is sent'));
  const outbox = createOutbox({}, { store, commits, clock: { nowMs: () => 1_000 }, push });
  const read = () => readServedRequest(directory, 'cheat', replyId);
  expect(read()).toBeUndefined();
  await outbox.add(replyId, validator, message);
  expect(read()).toEqual(message.request);
  const signed = { epoch: 3n, signature: new Uint8Array(65) };
  await outbox.settle({ validator, orderHash, recordHash: new Uint8Array(32), ...signed, replyId });
  expect(read()).toEqual(message.request);
  await outbox.stop();
  await commits.close();
  store.close();
});
