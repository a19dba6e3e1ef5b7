import { isIPv6 } from 'node:net';
import {
  type CompiledGrammar,
  compileGrammar,
  createGrammarMachine,
  matchText,
} from '@ogong/protocol/modality/text/grammar/machine';
import { schemaToGrammar } from '@ogong/protocol/modality/text/grammar/schema/schema-grammar';
import { createCompileBudget, createSchemaBudget } from '@ogong/protocol/modality/text/grammar/work-budget';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, it } from 'vitest';
import { createRandom, type Random, randomDocument } from './random-schema.ts';

const COUNT = process.env.OGONG_LONG === undefined ? 120 : 10_000;
const LONGEST = 3000;
/** 10,000 schemas take a minute or two. */
const TIMEOUT_MS = 900_000;

/** Formats by their standards, as far as these texts use them. */
const formats = {
  date: (text: string) =>
    /^\d{4}-\d\d-\d\d$/.test(text) && new Date(`${text}T00:00:00Z`).toISOString().startsWith(text),
  time: /^([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/,
  'date-time': (text: string) => !Number.isNaN(Date.parse(text)),
  uuid: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
  email: /^[^@\s]+@[^@\s.]+(\.[^@\s.]+)+$/,
  hostname: /^[a-z][a-z0-9-]*(\.[a-z][a-z0-9-]*)+$/,
  ipv4: (text: string) =>
    text.split('.').length === 4 && text.split('.').every((part) => /^\d+$/.test(part) && Number(part) < 256),
  ipv6: (text: string) => isIPv6(text),
  duration: /^P(?!$)(\d+Y(?=\d+M|T|$))?(\d+M)?(\d+D)?(T(?=\d)(\d+H(?=\d+M|$))?(\d+M)?(\d+S)?)?$|^P\d+W$/,
  uri: (text: string) => URL.canParse(text),
};

/**
 * Draws a text of the grammar, byte by byte: any byte at first, later one that ends soonest.
 * @returns undefined if it does not end in time.
 */
function writeText(grammar: CompiledGrammar, random: Random): Uint8Array | undefined {
  const machine = createGrammarMachine(grammar);
  const bytes: number[] = [];
  const closing = [...Buffer.from('"}],0123456789tfn:{[lrue')];
  let state = machine.start;
  const eager = 20 + random(200);
  while (bytes.length < LONGEST) {
    const isLate = bytes.length > eager;
    if (state.isComplete && (state.places.length === 0 || isLate || random(4) === 0)) return Uint8Array.from(bytes);
    const tried =
      isLate && random(8) > 0 ? closing : Array.from({ length: 256 }, (_, i) => (i * 151 + random(256)) % 256);
    const all = tried === closing ? closing : [...new Set([...tried, ...Array.from({ length: 256 }, (_, i) => i)])];
    const from = tried === closing ? 0 : random(all.length);
    let next: typeof state | undefined;
    for (let i = 0; i < all.length && next === undefined; i++) {
      const byte = all[(from + i) % all.length] as number;
      next = machine.step(machine.renew(state, 2 ** 20), byte);
      if (next !== undefined) bytes.push(byte);
    }
    if (next !== undefined) state = next;
    else if (tried !== closing) throw new Error('a state that nothing follows');
  }
  return undefined;
}

it(
  `writes only what its schema allows, for ${COUNT} schemas`,
  () => {
    const ajv = new Ajv2020({ strict: false, formats, allErrors: true });
    let written = 0;
    for (let seed = 1; seed <= COUNT; seed++) {
      const random = createRandom(seed);
      const schema = randomDocument(random);
      const budgets = [createSchemaBudget(), createCompileBudget()] as const;
      const grammar = compileGrammar(schemaToGrammar(schema, budgets[0]), budgets[1]);
      for (const { spent, limit } of budgets) expect(spent).toBeLessThan(limit / 16);
      const validate = ajv.compile(schema);
      for (let i = 0; i < 3; i++) {
        const bytes = writeText(grammar, random);
        if (bytes === undefined) continue;
        written++;
        const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
        expect(matchText(grammar, bytes)).toBe('whole');
        const isValid = validate(JSON.parse(text));
        if (!isValid)
          expect.fail(`seed ${seed}: ${JSON.stringify(schema)} wrote ${text}: ${ajv.errorsText(validate.errors)}`);
      }
    }
    expect(written).toBeGreaterThan(2.5 * COUNT);
  },
  TIMEOUT_MS,
);
