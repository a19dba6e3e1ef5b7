import { utf8Decode, utf8Encode } from '@ogong/protocol/base/bytes';
import { parseRequest } from '@ogong/protocol/modality/text/request/request';
import { describe, expect, it } from 'vitest';
import { readUnderPolicy, type SettlePolicy } from './settle-policy.ts';

const PLAIN = '{"model":"m","messages":[{"role":"user","content":"a } in \\"it\\""}],"seed":9007199254740991}';
const demanding = (ogong: string): string => `${PLAIN.slice(0, -1)},"ogong":${ogong}}`;

function read(text: string, policy: SettlePolicy, { isChecked = false } = {}) {
  const given = { body: utf8Encode(text), isChecked };
  const { body, request } = readUnderPolicy(given, policy, (bytes) => parseRequest(bytes, 'chat'));
  return { text: utf8Decode(body), acceptedOnly: request.demands.acceptedOnly };
}

describe('a gateway', () => {
  it.each([PLAIN, demanding('{"settle":"any"}'), demanding('{"settle":"accepted"}')])(
    'that pays for any verdict orders %s as it is',
    (text) => {
      for (const isChecked of [true, false]) expect(read(text, 'any', { isChecked }).text).toBe(text);
    },
  );

  it('that pays for accepted replies only adds the demand, and changes nothing else', () => {
    const ordered = { text: demanding('{"settle":"accepted"}'), acceptedOnly: true };
    expect(read(PLAIN, 'accepted')).toEqual(ordered);
    expect(read(`${PLAIN}\n `, 'accepted')).toEqual(ordered);
  });

  it('that pays for accepted replies only orders a body as it is that says so', () => {
    const text = demanding('{"exact":true,"settle":"accepted"}');
    for (const isChecked of [true, false]) {
      expect(read(text, 'accepted', { isChecked })).toEqual({ text, acceptedOnly: true });
    }
  });

  it.each([
    ['from a caller that checks', PLAIN, true],
    ['with another demand', demanding('{"exact":true}'), false],
    ['that would pay for doubts', demanding('{"settle":"any"}'), false],
  ])('that pays for accepted replies only refuses a body %s', (_name, text, isChecked) => {
    expect(() => read(text, 'accepted', { isChecked })).toThrow(
      expect.objectContaining({ code: 'invalid_request', param: 'ogong.settle' }),
    );
  });
});
