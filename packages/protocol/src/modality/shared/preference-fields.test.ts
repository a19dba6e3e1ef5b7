import { describe, expect, it } from 'vitest';
import { toHex, utf8Encode } from '../../base/bytes.ts';
import { nobleCrypto as crypto } from '../../crypto/noble.ts';
import { parseEmbeddingRequest } from '../embedding/request.ts';
import { parseRerankRequest } from '../embedding/rerank.ts';
import { summarizeRequest } from '../request-hash.ts';
import { parseRequest } from '../text/request/request.ts';
import { NO_PREFERENCE, splitModelName } from './preference-fields.ts';

const MODEL = 'ogong/verified/a/b';
const body = (fields: object): Uint8Array => utf8Encode(JSON.stringify({ model: MODEL, prompt: 'x', ...fields }));
const read = (ogong: unknown, model = MODEL) => parseRequest(body({ ogong, model }), 'completion').preference;
const id = (n: number): string => `${n}`.repeat(64);

describe('a preference', () => {
  it('is empty without fields', () => {
    for (const ogong of [undefined, null, {}, { exact: true }, { sort: null, max_price: null, providers: {} }]) {
      expect(read(ogong)).toEqual(NO_PREFERENCE);
    }
  });

  it('is read from the object ogong in every modality', () => {
    const ogong = {
      ...{ sort: 'latency', max_price: '340282366920938463463', tier: 'verified', accept: ['replay'] },
      providers: { only: [id(1), id(2)], ignore: [id(3)] },
    };
    const preference = read(ogong);
    expect(preference).toMatchObject({ sort: 'latency', maxPricePer1kAtomic: 340282366920938463463n });
    expect(preference.only.map(toHex)).toEqual([id(1), id(2)]);
    expect(preference.ignore.map(toHex)).toEqual([id(3)]);
    const given = (fields: object) => utf8Encode(JSON.stringify({ model: MODEL, ogong, ...fields }));
    expect(parseEmbeddingRequest(given({ input: 'x' })).preference).toEqual(preference);
    expect(parseRerankRequest(given({ query: 'x', documents: ['y'] })).preference).toEqual(preference);
    expect(read({ max_price: 7 }).maxPricePer1kAtomic).toBe(7n);
    expect(read({ min_stake: '18446744073709551615' }).minHeldTokens).toBe(2n ** 64n - 1n);
    expect(read({ min_stake: 0 }).minHeldTokens).toBe(0n);
    expect(read({}).minHeldTokens).toBeUndefined();
    expect(read({ accept: ['replay', 'verified'] })).toEqual(NO_PREFERENCE);
  });

  it.each<[string, unknown, string]>([
    ['an unknown order', { sort: 'beauty' }, 'ogong.sort'],
    ['no order by name', { sort: 'none' }, 'ogong.sort'],
    ['a stake beyond its field', { min_stake: '18446744073709551616' }, 'ogong.min_stake'],
    ['a stake below nothing', { min_stake: -1 }, 'ogong.min_stake'],
    ['a part of a token', { min_stake: 0.5 }, 'ogong.min_stake'],
    ['a price below nothing', { max_price: -1 }, 'ogong.max_price'],
    ['a part of a unit', { max_price: 0.5 }, 'ogong.max_price'],
    ['a number that JSON cannot hold', { max_price: 2 ** 53 }, 'ogong.max_price'],
    ['a text that is no number', { max_price: '1e9' }, 'ogong.max_price'],
    ['another tier than the model is of', { tier: 'vanilla' }, 'ogong.tier'],
    ['a tier that is planned', { tier: 'proof' }, 'ogong.tier'],
    ['tiers without the one of the model', { accept: ['vanilla', 'replay'] }, 'ogong.accept'],
    ['no tier at all', { accept: [] }, 'ogong.accept'],
    ['a region', { providers: { region: 'eu' } }, 'ogong.providers.region'],
    ['an unknown field', { providers: { order: [] } }, 'order'],
    ['nobody', { providers: { only: [] } }, 'ogong.providers.only'],
    ['a name in place of an id', { providers: { ignore: ['bob'] } }, 'ogong.providers.ignore'],
    ['too many names', { providers: { only: Array(17).fill(id(1)) } }, 'ogong.providers.only'],
    ['a list in place of the object', { providers: [] }, 'ogong.providers'],
    ['an unknown demand', { sorting: 'price' }, 'sorting'],
  ])('with %s is refused, naming the field', (_what, ogong, param) => {
    let refused: unknown;
    try {
      read(ogong);
    } catch (error) {
      refused = error;
    }
    expect((refused as { param: string }).param).toContain(param);
  });

  it.each<[unknown, string]>([
    [{ accept: [] }, 'leave it out'],
    [{ accept: 'verified' }, 'in square brackets'],
    [{ providers: { only: 'ab' } }, 'in square brackets'],
  ])('explains what to write instead of %j', (ogong, what) => {
    expect(() => read(ogong)).toThrow(what);
  });
});

describe('a suffix of the name of a model', () => {
  it.each([
    ['cheapest', 'price'],
    ['floor', 'price'],
    ['fast', 'throughput'],
    ['nitro', 'throughput'],
    ['latency', 'latency'],
    ['quality', 'quality'],
    ['balanced', 'balanced'],
  ])(':%s asks for %s', (suffix, sort) => {
    const { model, preference } = parseRequest(body({ model: `${MODEL}:${suffix}` }), 'completion');
    expect({ model, sort: preference.sort }).toEqual({ model: MODEL, sort });
    expect(read({ sort }, `${MODEL}:${suffix}`).sort).toBe(sort);
  });

  it('is no part of the name that is ordered, so co-signers see the id; the body keeps it', () => {
    const summary = summarizeRequest(crypto, 'completion', body({ model: `${MODEL}:floor` }));
    const text = new TextDecoder('latin1').decode(summary);
    expect(text).toContain(MODEL);
    expect(text).not.toContain(':floor');
    expect(summary).not.toEqual(summarizeRequest(crypto, 'completion', body({})));
  });

  it('is refused if it is unknown, or contradicts ogong.sort', () => {
    expect(() => read(undefined, `${MODEL}:q4_0`)).toThrow(/one of :price/);
    expect(() => read(undefined, `${MODEL}:`)).toThrow(/one of :price/);
    expect(() => read({ sort: 'price' }, `${MODEL}:nitro`)).toThrow(/ogong.sort is price/);
  });

  it('is found only behind an id of the network; in local mode a tag is a part of the name', () => {
    for (const name of ['qwen:0.5b', 'gemma3:fast', 'hf.co/owner/model:floor', 'owner/model:nitro', 'ogong/x:floor']) {
      expect(splitModelName(name)).toEqual({ model: name, sort: undefined });
    }
  });
});
