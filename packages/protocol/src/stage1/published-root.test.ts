import { createNobleHybridSigner, createNobleLedgerSigner, nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { createSyntheticReceipt } from '@ogong/testing/synthetic/synthetic-receipt';
import { expect, it, vi } from 'vitest';
import { computeOrderSpan } from '../exchange/order-span.ts';
import { addPublishedRoot, listRootsInForce } from './published-root.ts';

const signer = (seed: number) => createNobleHybridSigner(new Uint8Array(64).fill(seed));
const { receipt, reply } = createSyntheticReceipt({
  ...{ crypto, ledger: { chainId: 1n, verifyingContract: new Uint8Array(20) }, tokens: 1 },
  ...{ provider: signer(1), router: signer(2), payer: createNobleLedgerSigner(new Uint8Array(32).fill(3)) },
});
const modelId = 'ogong/verified/test/synthetic';
const { modelRoot } = reply.order;
const other = new Uint8Array(32).fill(9);

it.each([
  ['before it is in force', { fromMs: 0, toMs: 9 }, []],
  ['from its first moment on', { fromMs: 0, toMs: 10 }, [1]],
  ['across a change', { fromMs: 19, toMs: 20 }, [1, 2]],
  ['from its end on', { fromMs: 20, toMs: 99 }, [2]],
])('lists roots in force: %s', (_when, span, roots) => {
  const versions = [
    { modelRoot: new Uint8Array([1]), fromMs: 10, untilMs: 20 },
    { modelRoot: new Uint8Array([2]), fromMs: 20, untilMs: undefined },
  ];
  expect(listRootsInForce(versions, span).map(([first]) => first)).toEqual(roots);
});

it('adds the root of the day of the order', async () => {
  const find = vi.fn(async () => [other, modelRoot]);
  expect(await addPublishedRoot({}, receipt, find)).toEqual({ modelRoots: { [modelId]: modelRoot } });
  expect(find).toHaveBeenCalledWith(modelId, computeOrderSpan(reply.order));
  expect(await addPublishedRoot({}, receipt, () => [other])).toEqual({ modelRoots: { [modelId]: other } });
});

it('adds only published roots, and keeps those of the reader', async () => {
  expect(await addPublishedRoot({ allow: ['times'] }, receipt, () => [])).toEqual({ allow: ['times'] });
  expect(await addPublishedRoot({}, receipt, () => undefined)).toEqual({});
  const given = { modelRoots: { [modelId]: other } };
  expect(await addPublishedRoot(given, receipt, () => [modelRoot])).toBe(given);
  const broken = { ...receipt, order: { ...receipt.order, bytes: new Uint8Array(3) } };
  expect(await addPublishedRoot({}, broken, () => [modelRoot])).toEqual({});
});
