import { describe, expect, it } from 'vitest';
import { utf8Encode } from '../../base/bytes.ts';
import type { FieldRule } from '../shared/field-rules.ts';
import { EMBEDDING_API_FIELDS } from './fields.ts';
import { parseEmbeddingRequest } from './request.ts';
import { parseRerankRequest } from './rerank.ts';

const model = 'ogong/verified/test/m';
const encode = (body: object): Uint8Array => utf8Encode(JSON.stringify(body));
const readVectors = (extra: object) => parseEmbeddingRequest(encode({ model, input: 'x', ...extra })).dropped;
const readRerank = (extra: object) =>
  parseRerankRequest(encode({ model, query: 'q', documents: ['x'], ...extra })).dropped;

/** Sends an object of each table with one more field. */
const SENDERS: Readonly<Record<string, (field: object) => readonly string[]>> = {
  'POST /v1/embeddings': readVectors,
  'POST /v1/rerank': readRerank,
  'A document of /v1/rerank': (field) => readRerank({ documents: ['a', { text: 'x', ...field }] }),
};

const isRefused = (rule: FieldRule): boolean => typeof rule === 'object' && 'refused' in rule;
const isDropped = (rule: FieldRule): boolean => rule === 'dropped' || (typeof rule === 'object' && 'dropped' in rule);
/** A value that is neutral for no rule. */
const VALUE = { asks: 'for something' };

for (const [api, tables] of Object.entries(EMBEDDING_API_FIELDS)) {
  describe.each(Object.entries(tables))(`${api}: %s`, (object, rules) => {
    const send = SENDERS[object] ?? expect.fail(`no sender for ${object}`);

    it.each(Object.entries(rules).filter(([, rule]) => rule !== 'works'))(
      'treats %s as its table says',
      (key, rule) => {
        if (isRefused(rule)) {
          expect(() => send({ [key]: VALUE })).toThrow(expect.objectContaining({ code: 'unsupported_parameter' }));
          return;
        }
        const named = send({ [key]: VALUE }).filter((name) => name === key || name.endsWith(`.${key}`));
        expect(named).toHaveLength(isDropped(rule) ? 1 : 0);
      },
    );

    it('drops and names a field that no table has', () => {
      expect(send({ made_up: 1 })).toEqual([expect.stringMatching(/(^|\.)made_up$/)]);
    });
  });
}

it.each([
  { truncate: false, truncation: false, stream: false },
  { truncate: 'NONE', embedding_type: 'float', embedding_types: ['float'], normalized: true, embed_dtype: 'float32' },
  { endianness: 'little', instruction: '', add_special_tokens: true, late_chunking: false, task: null },
])('takes values that ask for nothing: %j', (fields) => {
  expect(readVectors(fields)).toEqual([]);
});

it('takes values of a reranking that ask for nothing', () => {
  const fields = { rank_fields: ['text'], raw_scores: true, use_activation: false, activation: false };
  expect(readRerank({ ...fields, truncation: false, stream: null })).toEqual([]);
});
