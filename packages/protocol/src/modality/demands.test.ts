import { createSyntheticEmbedding } from '@ogong/testing/synthetic/synthetic-embedding';
import { describe, expect, it } from 'vitest';
import { toHex, utf8Encode } from '../base/bytes.ts';
import { createFormat } from '../base/codec.ts';
import { nobleCrypto as crypto } from '../crypto/noble.ts';
import type { NamedOrder } from '../exchange/order.ts';
import { checkDemands, demandsCodec, findStandbyProblem, findUnmetDemand, NO_DEMANDS } from './demands.ts';
import { checkEmbeddingHeader } from './embedding/header-checks.ts';
import { parseEmbeddingRequest } from './embedding/request.ts';
import { parseRequest } from './text/request/request.ts';

const root = new Uint8Array(32).fill(7);
const exact = 'fake-1/js/f64/exact/hash/kv-none';
const fast = 'fake-1/js/f64/fast/hash/kv-none';

it('is read from the request in every modality', () => {
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

it('fails a reply that does not meet the demands, and adds no check without demands', () => {
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

describe('a standby price', () => {
  const format = createFormat(demandsCodec, {});
  const priced = { ...NO_DEMANDS, standbyPer1kAtomic: 258n };

  it('is read only from a text request', () => {
    const body = (ogong: object, asked: object) => utf8Encode(JSON.stringify({ model: 'm', ...asked, ogong }));
    for (const standby of [258, '258'])
      expect(parseRequest(body({ standby }, { prompt: 'x' }), 'completion').demands).toEqual(priced);
    for (const standby of [-1, 1.5, true, '01', '18446744073709551616', {}])
      expect(() => parseRequest(body({ standby }, { prompt: 'x' }), 'completion')).toThrow('ogong.standby');
    for (const ogong of [{ standby: 1 }, { hedge: true }])
      expect(() => parseEmbeddingRequest(body(ogong, { input: 'x' }))).toThrow('ogong');
  });

  it('is in the summary, which has the earlier bytes without one', () => {
    expect(toHex(format.encode(NO_DEMANDS))).toBe('000000');
    expect(toHex(format.encode({ ...NO_DEMANDS, acceptedOnly: true }))).toBe('000001');
    expect(toHex(format.encode(priced))).toBe('0000020000000000000102');
    expect(toHex(format.encode({ ...priced, acceptedOnly: true }))).toBe('0000030000000000000102');
    for (const demands of [NO_DEMANDS, priced, { ...priced, acceptedOnly: true, standbyPer1kAtomic: 0n }])
      expect(format.decode(format.encode(demands))).toEqual(demands);
    expect(() => format.decode(Uint8Array.of(0, 0, 4))).toThrow('0..3');
    expect(() => format.decode(Uint8Array.of(0, 0, 2))).toThrow();
  });

  it('is met by a provider with the same or a lower price', () => {
    expect(findStandbyProblem({}, {})).toBeUndefined();
    expect(findStandbyProblem(priced, {})).toContain('does not stand by');
    expect(findStandbyProblem(priced, { standbyPer1kAtomic: 259n })).toContain('the price is 259');
    expect(findStandbyProblem(priced, { standbyPer1kAtomic: 258n })).toBeUndefined();
  });
});
