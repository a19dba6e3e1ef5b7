import { describe, expect, it } from 'vitest';
import { equalBytes, utf8Decode, utf8Encode } from '../base/bytes.ts';
import { nobleCrypto as crypto } from '../crypto/noble.ts';
import { parseEmbeddingRequest } from './embedding/request.ts';
import { findModality } from './registry.ts';
import { hashRequest, isRequest, summarizeRequest } from './request-hash.ts';
import { parseRequest } from './text/request/request.ts';

const encode = (fields: object): Uint8Array => utf8Encode(JSON.stringify(fields));
const model = 'ogong/verified/test/m';
const chat = {
  ...{ model, max_tokens: 7, temperature: 0.5, top_p: 0.9, n: 3, seed: -5, logit_bias: { 9: 1, 4: -2 } },
  ...{ messages: [{ role: 'user', content: 'a secret question' }], stop: ['a secret end'], user: 'a secret name' },
  ogong: { exact: true, model_root: 'ab'.repeat(32), settle: 'accepted' },
};
const requests: [string, object][] = [
  ['chat', chat],
  ['completion', { model, prompt: 'a secret beginning' }],
  ['embedding', { model, input: ['a secret', 'another secret'] }],
];

describe('the summary of a request', () => {
  it.each(requests)('of a %s has all inputs of the checks, and no text', (endpoint, fields) => {
    const summary = summarizeRequest(crypto, endpoint, encode(fields));
    const modality = findModality(endpoint);
    const request = modality.parseRequest(encode(fields), endpoint);
    const read = modality.parseSummary(summary);
    const { bodyHash, ...asked } = read as typeof read & { readonly bodyHash: Uint8Array };
    expect(bodyHash).toEqual(crypto.sha256(encode(fields)));
    expect(request).toMatchObject(asked);
    expect(modality.boundTokens(read)).toEqual(modality.boundTokens(request));
    expect(new TextDecoder('latin1').decode(summary)).not.toContain('secret');
  });

  it.each(requests)('of a %s that is truncated, longer or of another format is refused', (endpoint, fields) => {
    const summary = summarizeRequest(crypto, endpoint, encode(fields));
    const { parseSummary } = findModality(endpoint);
    const other = findModality(endpoint === 'embedding' ? 'chat' : 'embedding');
    for (const bytes of [summary.slice(0, -1), Uint8Array.of(...summary, 0), new Uint8Array(0)]) {
      expect(() => parseSummary(bytes)).toThrow();
    }
    expect(() => other.parseSummary(summary)).toThrow('tag');
  });

  it('bounds the prompt by the bytes of its texts, and counts stops and inputs', () => {
    expect(parseRequest(encode(chat), 'chat')).toMatchObject({ promptTokenBound: 17 + 64 + 64, stopCount: 1 });
    const inputs = { model, input: ['\u00e9', 'b'] };
    expect(parseEmbeddingRequest(encode(inputs))).toMatchObject({ inputCount: 2, promptTokenBound: 2 + 16 + 1 + 16 });
  });
});

describe('the hash of a request', () => {
  const hash = hashRequest(crypto, 'chat', encode(chat));

  it('changes with any byte of the body, and with the endpoint', () => {
    const bodies = [
      { ...chat, user: 'somebody' },
      { ...chat, messages: [{ role: 'user', content: 'a secret questiom' }] },
      { ...chat, stop: ['another end'] },
      { ...chat, max_tokens: 8 },
    ];
    for (const body of bodies) expect(equalBytes(hashRequest(crypto, 'chat', encode(body)), hash)).toBe(false);
    const spaced = utf8Encode(` ${utf8Decode(encode(chat))}`);
    expect(equalBytes(hashRequest(crypto, 'chat', spaced), hash)).toBe(false);
    const [first, second] = ['chat', 'completion'].map((endpoint) => {
      const fields = endpoint === 'chat' ? { model, messages: chat.messages } : { model, prompt: 'x' };
      return hashRequest(crypto, endpoint, encode(fields));
    });
    expect(first).not.toEqual(second);
  });

  it('names only its own request, and none that does not parse', () => {
    const named = { requestHash: hash };
    expect(isRequest(crypto, named, { endpoint: 'chat', body: encode(chat) })).toBe(true);
    expect(isRequest(crypto, named, { endpoint: 'chat', body: encode({ ...chat, seed: 6 }) })).toBe(false);
    expect(isRequest(crypto, named, { endpoint: 'chat', body: utf8Encode('{') })).toBe(false);
    expect(isRequest(crypto, named, { endpoint: 'poem', body: encode(chat) })).toBe(false);
  });
});
