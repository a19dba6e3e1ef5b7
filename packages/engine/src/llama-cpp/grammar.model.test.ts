import { isUtf8 } from 'node:buffer';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { schemaToGrammar } from '@ogong/protocol/modality/text/grammar/schema/schema-grammar';
import koffi from 'koffi';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BatchModel } from '../decode/batch-model.ts';
import { createGrammars, isAllowed, SERVING_WORK } from '../decode/grammar/grammar-cursor.ts';
import { allocateNative } from './device/native-memory.ts';
import { findLlamaBuild } from './device/platform.ts';
import { type LlamaLibrary, loadLlama, type Pointer } from './library.ts';
import { resolveModel } from './llama-quantizer.ts';
import { openLlamaModel } from './model.ts';

// llama.cpp's own sampler, which this program does not use, allows the same tokens (docs/adr/grammars.md).

let storeDir: string;
let library: LlamaLibrary;
let vocabulary: Pointer;
let model: Pick<BatchModel, 'vocabularySize' | 'isEnd' | 'bytesOf'>;
let free: () => void;
beforeAll(async () => {
  storeDir = await mkdtemp(join(tmpdir(), 'ogong-grammar-'));
  const { path } = await resolveModel('stories15M', { storeDir });
  library = loadLlama(findLlamaBuild(), 'auto');
  const opened = openLlamaModel(library, path);
  const handle = library.modelLoad(path, library.modelDefaultParams());
  vocabulary = library.modelVocab(handle);
  const { size, isEnd, bytesOf } = opened.vocabulary;
  model = { vocabularySize: size, isEnd, bytesOf };
  free = () => {
    library.modelFree(handle);
    opened.free();
  };
});
afterAll(async () => {
  free();
  await rm(storeDir, { recursive: true, force: true });
});

const FORBIDDEN = Number.NEGATIVE_INFINITY;

function openSampler(grammar: string) {
  const llama = koffi.load(findLlamaBuild().llama);
  const init = llama.func('void *llama_sampler_init_grammar(void *vocab, const char *text, const char *root)');
  const apply = llama.func('void llama_sampler_apply(void *sampler, void *candidates)');
  const accept = llama.func('void llama_sampler_accept(void *sampler, int32 token)');
  const freeSampler = llama.func('void llama_sampler_free(void *sampler)');
  const sampler = init(vocabulary, grammar, 'root');
  return {
    /** Lists the tokens that the grammar leaves a chance. */
    list(): boolean[] {
      const count = model.vocabularySize;
      // llama.h: llama_token_data {int32 id; float logit; float p}; llama_token_data_array {data; size_t size; int64 selected;
      // bool sorted}.
      const data = allocateNative(12 * count, (buffer) => new DataView(buffer));
      for (let id = 0; id < count; id++) {
        data.view.setInt32(12 * id, id, true);
        data.view.setFloat32(12 * id + 4, 0, true);
      }
      const candidates = allocateNative(32, (buffer) => new DataView(buffer));
      candidates.view.setBigUint64(0, data.address, true);
      candidates.view.setBigUint64(8, BigInt(count), true);
      candidates.view.setBigInt64(16, -1n, true);
      candidates.view.setBigUint64(24, 0n, true);
      apply(sampler, candidates.pointer);
      return Array.from({ length: count }, (_, id) => data.view.getFloat32(12 * id + 4, true) !== FORBIDDEN);
    },
    accept: (token: number) => accept(sampler, token),
    free: () => freeSampler(sampler),
  };
}

const SCHEMA = {
  type: 'object',
  properties: {
    name: { type: 'string', minLength: 1, maxLength: 4 },
    size: { type: 'integer', minimum: -20, maximum: 120 },
    kind: { enum: ['red', 'rod', 'réd'] },
  },
  required: ['name', 'kind'],
};

describe("llama.cpp's sampler", () => {
  it.each([
    ['any object', schemaToGrammar({ type: 'object' })],
    ['a schema', schemaToGrammar(SCHEMA)],
    ['a list', schemaToGrammar({ type: 'array', items: { type: 'number' }, maxItems: 3 })],
    ['a choice of words', 'root ::= ("Once upon" | " Once" | "Ünder 🙂") " " [a-zé-ü🙂]+ "."?'],
    ['brackets', 'root ::= "(" root ")" | [^()]{0,3}'],
  ])('allows the same tokens along random texts: %s', (_name, grammar) => {
    const grammars = createGrammars(model as BatchModel, SERVING_WORK);
    let compared = 0;
    for (let seed = 1; seed <= 3; seed++) {
      const [own, theirs] = [grammars.open(grammar), openSampler(grammar)];
      let state = seed;
      for (let step = 0; step < 24; step++) {
        const mask = own.mask();
        const allowed = theirs.list();
        const different = allowed.flatMap((theirs, id) => {
          const ours = mask !== undefined && isAllowed(mask, id);
          const bytes = model.bytesOf(id);
          // Here no byte that begins no character comes into a text, and no control token counts as the text of its name.
          const isStricter = !ours && theirs && (bytes.length === 0 || !isUtf8(bytes));
          // It stands for no text there.
          const isZero = bytes[0] === 0;
          return ours === theirs || isStricter || isZero ? [] : [[id, Buffer.from(bytes).toString(), theirs]];
        });
        expect(different, `step ${step}`).toEqual([]);
        compared++;
        const choices = allowed.flatMap((can, id) =>
          can && mask !== undefined && isAllowed(mask, id) && !model.isEnd(id) ? [id] : [],
        );
        if (choices.length === 0) break;
        state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
        const token = choices[state % choices.length] as number;
        own.accept(token);
        theirs.accept(token);
      }
      theirs.free();
    }
    expect(compared).toBeGreaterThan(5);
  });
});
