import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { verifyReceipt } from '@ogong/protocol/verdict/receipt/verify-receipt';
import { expect, it } from 'vitest';
import { overbilledAnswer } from './overbilled-answer.ts';

async function listFailed(tokens: number, text: string): Promise<string[]> {
  const { receipt, reply, trust, nowMs } = overbilledAnswer.play({ tokens, text });
  const { request, response } = reply;
  const { checks } = await verifyReceipt(receipt, { crypto, request, response, trust, nowMs });
  return checks.filter(({ status }) => status === 'fail').map(({ id }) => id);
}

it('bills at most a token for each byte and 32 marks', async () => {
  expect(await listFailed(128, 'Yes.')).toEqual(['response-size']);
  expect(await listFailed(37, 'Yes.')).toEqual(['response-size']);
  expect(await listFailed(36, 'Yes.')).toEqual([]);
  expect(await listFailed(128, 'An answer of many words. '.repeat(4))).toEqual([]);
});
