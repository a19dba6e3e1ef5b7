import { nodeCrypto as crypto } from '@ogong/host/crypto/node-crypto';
import { hashRecord } from '@ogong/protocol/commitment/record';
import { MAX_ASKED_REPLIES } from '@ogong/protocol/exchange/limits';
import { ValidatorService } from '@ogong/protocol/generated/ogong/v1/ogong_pb';
import { createTestValidator, type TestValidator } from '@ogong/testing/validator/test-bench';
import { answerHonestly } from '@ogong/testing/validator/test-calls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { PEER, serveValidator, type ValidatorDoor } from '../bad-days/validator-door.ts';
import { settleFullBatch } from './settled-log.ts';

const STRANGER = 1;
let validator: TestValidator;
let served: ValidatorDoor;
let replyId: Uint8Array;

beforeAll(async () => {
  validator = createTestValidator({ verifiers: (...asked) => answerHonestly(validator.served)(...asked) });
  replyId = await settleFullBatch(validator);
  served = await serveValidator(validator);
});
afterAll(async () => {
  await served.close();
  validator.close();
});

const askAs = async (seed: number) => (await served.connect(seed)).service(ValidatorService);

describe('a log of a thousand entries', () => {
  it.each([
    ['a validator', PEER, 0, 1000],
    ['a validator that asks for fewer', PEER, 3, 3],
    ['anybody', STRANGER, 0, 250],
    ['anybody who asks for more', STRANGER, 1000, 250],
  ] as const)('is listed for %s', async (_who, seed, limit, listed) => {
    const { entries } = await (await askAs(seed)).listVerdicts({ from: 0n, limit });
    expect(entries).toHaveLength(listed);
  });

  it('can be read to its end by any caller, page after page', async () => {
    const service = await askAs(STRANGER);
    let read = 0;
    for (let pages = 0; pages < 4; pages++) {
      read += (await service.listVerdicts({ from: BigInt(read), limit: 0 })).entries.length;
    }
    expect(read).toBe(1000);
  });
});

it('a settled reply is returned with verdict, fee and record, as it was decided', async () => {
  const status = await (await askAs(STRANGER)).getReply({ replyId });
  const { feeAtomic, signedRecord } = validator.find(replyId);
  expect(status).toMatchObject({ state: 'settled', verdict: 'accept' });
  expect(status.feeAtomic).toBe(feeAtomic);
  expect(status.recordHash).toEqual(hashRecord(crypto, signedRecord?.record as Uint8Array));
});

it('many replies are returned at once, each in its place, up to the limit of a request', async () => {
  const service = await askAs(STRANGER);
  const one = await service.getReply({ replyId });
  const stranger = new Uint8Array(16);
  const { replies } = await service.getReplies({ replyIds: [stranger, replyId, new Uint8Array(3), replyId] });
  expect(replies.map(({ state }) => state)).toEqual(['', 'settled', '', 'settled']);
  expect(replies[1]).toEqual(one);
  const replyIds = Array.from({ length: MAX_ASKED_REPLIES }, () => replyId);
  expect((await service.getReplies({ replyIds })).replies).toHaveLength(MAX_ASKED_REPLIES);
  await expect(service.getReplies({ replyIds: [...replyIds, replyId] })).rejects.toMatchObject({ refusal: 'invalid' });
});

it('of details that are too long for one answer, the first ones are returned', async () => {
  const { store } = validator;
  const told = 'SELECT checks FROM replies WHERE reply_id = ?';
  const before = store.prepare(told).get(replyId)?.checks as string;
  const long = JSON.stringify([{ id: 'long', status: 'pass', detail: 'x'.repeat(300 * 1024) }]);
  const write = (checks: string) =>
    store.prepare('UPDATE replies SET checks = ? WHERE reply_id = ?').run(checks, replyId);
  write(long);
  try {
    const replyIds = [replyId, replyId, replyId, replyId, replyId];
    expect((await (await askAs(STRANGER)).getReplies({ replyIds })).replies).toHaveLength(3);
  } finally {
    write(before);
  }
});
