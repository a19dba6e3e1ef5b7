import { toBase64, toHex } from '@ogong/protocol/base/bytes';
import { createNobleHybridSigner, createNobleLedgerSigner, nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { encodeReceipt } from '@ogong/protocol/stage1/receipt';
import { createSyntheticReceipt } from '@ogong/testing/synthetic/synthetic-receipt';
import { expect, it } from 'vitest';
import { checkCall } from './check-call.ts';
import type { KnownMemory, ProvenCall } from './parse-memory.ts';
import { readReasons } from './reasons.ts';

const { receipt, reply } = createSyntheticReceipt({
  ...{ crypto, ledger: { chainId: 31_337n, verifyingContract: new Uint8Array(20).fill(4) }, tokens: 3 },
  provider: createNobleHybridSigner(new Uint8Array(64).fill(1)),
  router: createNobleHybridSigner(new Uint8Array(64).fill(2)),
  payer: createNobleLedgerSigner(new Uint8Array(32).fill(3)),
});
const bytes = encodeReceipt(receipt);
const [request, response] = [reply.request, reply.response].map(toBase64) as [string, string];
const call: ProvenCall = { model: 'm', receipt: toBase64(bytes), request, response };
const right = toHex(crypto.sha256(bytes));

const memory: KnownMemory = {
  ...{ id: 'new', text: 'The user lives in Porto', type: 'semantic', categories: [], createdAt: '', updatedAt: '' },
  supersededAt: undefined,
  quote: { words: 'I live in Porto.', role: 'user', message: 0, messageHash: '', day: undefined },
  receipts: { proposal: right, vector: '00'.repeat(32), update: right },
};
const older: KnownMemory = { ...memory, id: 'old', text: 'The user lives in Lisbon' };

it('names the reply of each receipt, an erased call, another receipt, and the older versions', async () => {
  const reasons = await readReasons(
    {
      history: async () => [memory, older],
      readCalls: async () => ({ proposal: call, vector: call, update: undefined }),
    },
    memory,
  );
  expect(reasons).toEqual({
    calls: [
      { name: 'proposal', call, replyId: toHex(reply.order.replyId) },
      { name: 'vector', absence: 'the gateway sent another receipt than the memory names' },
      { name: 'update', absence: 'erased with another memory of the same call' },
    ],
    older: [older],
  });
});

it('asks for no calls of a memory that a person wrote', async () => {
  const readCalls = () => Promise.reject(new Error('not expected'));
  const own = { ...memory, quote: undefined, receipts: undefined };
  expect(await readReasons({ history: async () => [own], readCalls }, own)).toEqual({ calls: [], older: [] });
});

it('checks the receipt of a call, and refutes another answer', async () => {
  const readFailed = async (given: ProvenCall): Promise<readonly string[]> =>
    (await checkCall(given, {})).checks.filter(({ status }) => status === 'fail').map(({ id }) => id);
  expect(await readFailed(call)).toEqual([]);
  expect(await readFailed({ ...call, response: toBase64(new TextEncoder().encode('other')) })).not.toEqual([]);
});
