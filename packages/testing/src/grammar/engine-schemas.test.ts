import { schemaToGrammar } from '@ogong/protocol/modality/text/grammar/schema/schema-grammar';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, expect, it } from 'vitest';
import { collectReply, createRequest, keyOf } from '../engine/compliance-requests.ts';
import { createFakeEngine } from '../engine/fake.ts';
import { createRandom, randomDocument } from './random-schema.ts';

const COUNT = process.env.OGONG_LONG === undefined ? 24 : 1000;
const engine = createFakeEngine({ contextSize: 512 });
afterAll(() => engine.close());

it(`an engine writes a text of its schema, or the beginning of one: ${COUNT} schemas`, async () => {
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  let whole = 0;
  for (let seed = 1; seed <= COUNT; seed++) {
    const schema = randomDocument(createRandom(seed));
    const grammar = schemaToGrammar(schema);
    const { text, stopReason } = await collectReply(
      engine.generate(createRequest('Once', { grammar, drawKey: keyOf(seed), maxTokens: 200 })),
    );
    if (stopReason !== 'stop-token') {
      expect(stopReason).toBe('length');
      continue;
    }
    whole++;
    expect([seed, text, ajv.validate(schema, JSON.parse(text))]).toEqual([seed, text, true]);
  }
  expect(whole).toBeGreaterThan(COUNT / 2);
});
