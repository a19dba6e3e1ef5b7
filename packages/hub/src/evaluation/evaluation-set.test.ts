import { readFileSync } from 'node:fs';
import { utf8Encode } from '@ogong/protocol/base/bytes';
import { nobleCrypto as crypto } from '@ogong/protocol/crypto/noble';
import { describe, expect, it } from 'vitest';
import { MAX_SET_BYTES, parseEvaluationSet } from './evaluation-set.ts';
import { OWN_SET } from './own-set.ts';

const header = { format: 'ogong-evaluation-set-v1', name: 'sums', version: '1.0.0', licence: 'CC0-1.0' };
const question = { id: 'q1', messages: [{ role: 'user', content: '1 + 1?' }], expect: { contains: '2' } };
const parse = (...rows: object[]) =>
  parseEvaluationSet(crypto, utf8Encode(rows.map((row) => `${JSON.stringify(row)}\n`).join('')));

describe('a set of questions', () => {
  it('that is shipped can be read, and is free for all', () => {
    const set = parseEvaluationSet(crypto, new Uint8Array(readFileSync(OWN_SET)));
    expect(set).toMatchObject({ name: 'basics', version: '1.0.0', licence: 'CC0-1.0' });
    expect(set.questions).toHaveLength(30);
  });

  it('has chats, texts to continue, and lengths of answers', () => {
    const { questions } = parse(header, question, {
      id: 'q2',
      prompt: '2 + 2 =',
      expect: { exact: '4' },
      max_tokens: 8,
    });
    expect(questions).toMatchObject([
      { id: 'q1', asked: { messages: [{ role: 'user', content: '1 + 1?' }] }, maxTokens: undefined },
      { id: 'q2', asked: { prompt: '2 + 2 =' }, expected: { rule: 'exact', text: '4' }, maxTokens: 8 },
    ]);
  });

  it.each<[string, object[]]>([
    ['no question', [header]],
    ['another format', [{ ...header, format: 'other' }, question]],
    ['no licence', [{ ...header, licence: undefined }, question]],
    ['a licence that is none', [{ ...header, licence: '((' }, question]],
    ['no version', [{ ...header, version: 'new' }, question]],
    ['one id twice', [header, question, question]],
    ['an unknown field', [header, { ...question, stop: ['.'] }]],
    ['a chat that is also a text', [header, { ...question, prompt: 'x' }]],
    ['another role', [header, { ...question, messages: [{ role: 'tool', content: 'x' }] }]],
    ['a picture', [header, { ...question, messages: [{ role: 'user', content: [{ type: 'image_url' }] }] }]],
    ['an answer without an end', [header, { ...question, max_tokens: 1e9 }]],
    ['too many questions', [header, ...Array.from({ length: 10_001 }, (_, at) => ({ ...question, id: `q${at}` }))]],
  ])('with %s is refused', (_what, rows) => {
    expect(() => parse(...rows)).toThrow(expect.objectContaining({ name: 'ProtocolError' }));
  });

  it('that is too large is refused before it is read', () => {
    expect(() => parseEvaluationSet(crypto, new Uint8Array(MAX_SET_BYTES + 1))).toThrow(
      expect.objectContaining({ code: 'too-large' }),
    );
  });
});
