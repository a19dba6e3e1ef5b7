import { utf8Encode } from '@ogong/protocol/base/bytes';
import { parseRequest } from '@ogong/protocol/modality/text/request/request';
import { describe, expect, it } from 'vitest';
import { createBodyReader } from './body-reader.ts';

const encode = (fields: object): Uint8Array => utf8Encode(JSON.stringify({ model: 'ogong/verified/a/b', ...fields }));

describe('the bodies of one call', () => {
  const tool = { type: 'function', function: { name: 'f', strict: true } };
  const forms: readonly [string, object][] = [
    ['no form', {}],
    ['a schema', { response_format: { type: 'json_object', schema: { type: 'object' } } }],
    ['a grammar of ogong', { ogong: { grammar: 'root ::= "a"' } }],
    ['tools', { tools: [tool], verbosity: 'low' }],
    ['a forced call', { tools: [tool], tool_choice: 'required' }],
  ];
  it.each(forms)('are read like one body alone, with %s', (_name, form) => {
    const given = { messages: [{ role: 'user', content: 'Hi' }], ...form };
    const read = createBodyReader('chat');
    const bodies = [{}, { seed: 7 }, { ogong: { ...('ogong' in form ? (form.ogong as object) : {}), standby: '5' } }];
    for (const more of bodies) {
      const body = encode({ ...given, ...more });
      expect(read(body)).toEqual(parseRequest(body, 'chat'));
    }
  });

  it('convert one grammar for all prompts', () => {
    const read = createBodyReader('completion');
    const whole = read(encode({ prompt: 'a', grammar: 'root ::= "a"' }));
    // No parser takes this grammar, so the second body was read without its conversion.
    expect(read(encode({ prompt: 'b', grammar: 'root ::= (' }))).toMatchObject({ grammar: whole.grammar });
  });
});
