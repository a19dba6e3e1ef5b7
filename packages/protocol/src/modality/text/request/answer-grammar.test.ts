import { describe, expect, it } from 'vitest';
import { utf8Encode } from '../../../base/bytes.ts';
import { RequestError } from '../../shared/request-error.ts';
import { schemaToGrammar } from '../grammar/schema/schema-grammar.ts';
import { parseRequest } from './request.ts';

const schema = { type: 'object', properties: { a: { type: 'integer' } }, required: ['a'] };
const messages = [{ role: 'user', content: 'hi' }];
const read = (extra: object, endpoint: 'chat' | 'completion' = 'chat') => {
  const asked = endpoint === 'chat' ? { messages } : { prompt: 'hi' };
  return parseRequest(utf8Encode(JSON.stringify({ model: 'm', ...asked, ...extra })), endpoint).grammar;
};
const jsonSchema = (json_schema: object) => ({ response_format: { type: 'json_schema', json_schema } });

describe('the grammar of a body', () => {
  it.each([
    [{}, undefined],
    [{ response_format: null, guided_json: null }, undefined],
    [{ response_format: { type: 'text' } }, undefined],
    [{ response_format: { type: 'json_object' } }, schemaToGrammar({ type: 'object' })],
    [{ response_format: { type: 'json_object', schema } }, schemaToGrammar(schema)],
    [jsonSchema({ name: 'x', description: 'y', strict: true, schema }), schemaToGrammar(schema)],
    [jsonSchema({ name: 'x' }), schemaToGrammar({ type: 'object' })],
    [{ ogong: { grammar: 'root ::= "a"' } }, 'root ::= "a"'],
    [{ ogong: { exact: true, settle: 'any' } }, undefined],
    [{ grammar: 'root ::= "a"' }, 'root ::= "a"'],
    [{ guided_grammar: 'root ::= "a"' }, 'root ::= "a"'],
    [{ guided_json: schema }, schemaToGrammar(schema)],
    [{ guided_json: JSON.stringify(schema) }, schemaToGrammar(schema)],
    [{ guided_choice: ['red', 'a "b"'] }, 'root ::= ("red" | "a \\"b\\"")\n'],
    [{ guided_choice: ['red', 'rod', 'blue'] }, 'root ::= ("r" ("ed" | "od") | "blue")\n'],
    [{ structured_outputs: { json: schema } }, schemaToGrammar(schema)],
    [{ structured_outputs: { choice: ['red'] } }, 'root ::= "red"\n'],
    [{ structured_outputs: { grammar: 'root ::= "a"', json: null } }, 'root ::= "a"'],
  ])('%#: %.60j', (extra, grammar) => expect(read(extra)).toBe(grammar));

  it('may also be set by a completion', () => {
    expect(read({ ogong: { grammar: 'root ::= "a"' } }, 'completion')).toBe('root ::= "a"');
    expect(read({ response_format: { type: 'json_object' } }, 'completion')).toMatch(/^root/);
  });

  it.each([
    [{ response_format: { type: 'xml' } }, 'response_format', /must be/],
    [{ response_format: { type: 'text', schema: {} } }, 'response_format.schema', /json_schema/],
    [jsonSchema({ schema: { not: { type: 'null' } } }), 'response_format', /not cannot be expressed/],
    [
      jsonSchema({ schema: { properties: { a: { uniqueItems: true } } } }),
      'response_format',
      /properties\/a: uniqueItems/,
    ],
    [{ response_format: { type: 'json_schema' } }, 'response_format', /must be an object/],
    [{ ogong: { grammar: 'root ::= rest' } }, 'ogong.grammar', /not defined/],
    [{ ogong: { grammar: 5 } }, 'ogong.grammar', /GBNF/],
    [{ grammar: '' }, 'grammar', /GBNF/],
    [{ guided_json: '{' }, 'guided_json', /JSON schema/],
    [{ guided_choice: [] }, 'guided_choice', /list of 1/],
    [{ guided_choice: ['\ud800'] }, 'guided_choice', /texts/],
    [{ grammar: 'root ::= "a"', guided_choice: ['a'] }, 'guided_choice', /grammar says already/],
    [{ response_format: { type: 'json_object' }, grammar: 'root ::= "a"' }, 'grammar', /response_format says/],
  ])('is refused by its name %#: %.60j', (extra, param, message) => {
    try {
      read(extra);
    } catch (error) {
      expect(error).toBeInstanceOf(RequestError);
      expect(error).toMatchObject({ param, message: expect.stringMatching(message) });
      return;
    }
    expect.fail('not refused');
  });
});
