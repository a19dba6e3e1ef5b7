import { createSyntheticEmbedding } from '@ogong/testing/synthetic/synthetic-embedding';
import { expect, it } from 'vitest';
import { toHex, utf8Encode } from '../base/bytes.ts';
import { nobleCrypto as crypto } from '../crypto/noble.ts';
import type { NamedOrder } from '../exchange/order.ts';
import { checkDemands, findUnmetDemand, NO_DEMANDS } from './demands.ts';
import { checkEmbeddingHeader } from './embedding/header-checks.ts';
import { parseEmbeddingRequest } from './embedding/request.ts';
import { parseRequest } from './text/request/request.ts';

const root = new Uint8Array(32).fill(7);
const exact = 'fake-1/js/f64/exact/hash/kv-none';
const fast = 'fake-1/js/f64/fast/hash/kv-none';

it('is read from the request, of every modality alike', () => {
  const ogong = { exact: true, model_root: toHex(root), settle: 'accepted' };
  const read = (fields: object) => utf8Encode(JSON.stringify({ model: 'm', ...fields }));
  const demands = { exact: true, modelRoot: root, acceptedOnly: true };
  expect(parseRequest(read({ prompt: 'x', ogong }), 'completion').demands).toEqual(demands);
  expect(parseEmbeddingRequest(read({ input: 'x', ogong })).demands).toEqual(demands);
  expect(parseRequest(read({ prompt: 'x' }), 'completion').demands).toEqual(NO_DEMANDS);
});

it('is met or not', () => {
  const offer = { numericClass: fast, modelRoot: root };
  expect(findUnmetDemand(NO_DEMANDS, offer)).toBeUndefined();
  expect(findUnmetDemand({ exact: true, modelRoot: root }, { ...offer, numericClass: exact })).toBeUndefined();
  expect(findUnmetDemand({ exact: true, modelRoot: undefined }, offer)).toContain('is none');
  expect(findUnmetDemand({ exact: false, modelRoot: new Uint8Array(32) }, offer)).toContain('these are 0707');
});

it('fails a reply that was made otherwise, and is no check where nothing was demanded', () => {
  const order = { modelRoot: root };
  const check = (demands: typeof NO_DEMANDS, numericClass: string) =>
    checkDemands({ numericClass }, order, { demands }).map(({ id, status }) => `${id} ${status}`);
  expect(check(NO_DEMANDS, fast)).toEqual([]);
  expect(check({ ...NO_DEMANDS, exact: true, modelRoot: root }, exact)).toEqual(['demands pass']);
  expect(check({ ...NO_DEMANDS, exact: true }, fast)).toEqual(['demands fail']);
  expect(check({ ...NO_DEMANDS, acceptedOnly: true }, fast)).toEqual(['demands pass']);
});

it('is among the checks of a header', () => {
  const { header, response } = createSyntheticEmbedding({ crypto });
  const { payee, orderHash, vectorCount, longestInput } = header;
  const inputs = Array.from({ length: vectorCount }, () => 'a');
  const fields = { model: 'ogong/verified/a/b', input: inputs, ogong: { model_root: '00'.repeat(32) } };
  const request = parseEmbeddingRequest(utf8Encode(JSON.stringify(fields)));
  const order = { choice: 0, payee, orderHash, contextSize: longestInput, modelRoot: root } as NamedOrder;
  const context = { order, request, response, beacon: undefined, mayBeCancelled: false };
  const failed = checkEmbeddingHeader(crypto, header, context).filter(({ status }) => status === 'fail');
  expect(failed.map(({ id }) => id)).toEqual(['demands']);
});
