import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readGgufHeader } from '@ogong/models/gguf/read';
import type { GgufHeader, GgufValue } from '@ogong/models/gguf/types';
import { writeGguf } from '@ogong/models/gguf/write';
import { ARCHITECTURES } from '@ogong/testing/models/architectures/catalogue';
import {
  KEYED_ARCHITECTURES,
  type KeyedArchitecture,
  type KeyedTensor,
} from '@ogong/testing/models/architectures/keyed';
import { writeRandomArchitecture } from '@ogong/testing/models/architectures/random-architecture';
import koffi from 'koffi';
import { afterAll, describe, expect, it } from 'vitest';
import { type LlamaLibrary, loadLlama, type Pointer } from '../library.ts';
import { openLlamaModel } from '../model.ts';
import { inspectModelFile, readSizes } from '../model-file.ts';
import type { KvType } from '../numeric-class.ts';
import { estimateMemory } from './memory.ts';
import { findLlamaBuild } from './platform.ts';

const DONOR = fileURLToPath(new URL('../../../../models/models/stories260K.gguf', import.meta.url));
const F32 = 0;
const folder = mkdtempSync(join(tmpdir(), 'ogong-layer-memory-'));
afterAll(() => rmSync(folder, { recursive: true }));

const build = findLlamaBuild();
const library = loadLlama(build, 'auto');
let log = '';
const toLog = koffi.register(
  (_level: number, text: string) => {
    log += text;
  },
  koffi.pointer(koffi.proto('void collect_llama_log(int level, const char *text, void *data)')),
);
library.logSet(toLog, null);

const SHAPE = { contextSize: 4096, sequences: 4, batchSize: 32 } as const;

/** Bytes of caches and states that the library says it allocated, in contexts that the engine opens. */
function readAllocated(model: Pointer, kvType: KvType): number {
  log = '';
  // Opened as the engine opens a context, over a model that is loaded already.
  const opened = openLlamaModel({ ...library, modelLoad: () => model } as LlamaLibrary, '', {});
  opened.createContext({ ...SHAPE, threads: 1, kvType }).free();
  const figures = [...log.matchAll(/ (?:KV|RS) buffer size = +([\d.]+) MiB/g)];
  return figures.reduce((sum, [, mebibytes]) => sum + Number(mebibytes) * 2 ** 20, 0);
}

/** At most 10 % apart, beside the rounding of a few figures to a hundredth of a MiB. */
function expectNear(planned: number, allocated: number): void {
  const room = 0.1 * allocated + 2 ** 14;
  expect(planned).toBeGreaterThan(allocated - room);
  expect(planned).toBeLessThan(allocated + room);
}

describe('the planned caches of a random model', () => {
  it.each(
    ARCHITECTURES.flatMap((recipe) =>
      (['f16', 'q8_0'] as const).map((kvType) => [recipe.name, kvType, recipe] as const),
    ),
  )('of %s with a cache of %s are those of the library', (name, kvType, recipe) => {
    const path = join(folder, `${name}.gguf`);
    writeRandomArchitecture(path, { recipe, seed: 1, vocabularyFrom: DONOR });
    const model = library.modelLoad(path, library.modelDefaultParams());
    try {
      const { kv } = estimateMemory(inspectModelFile(path), { ...SHAPE, kvType });
      expectNear(kv, readAllocated(model, kvType));
    } finally {
      library.modelFree(model);
    }
  });
});

const base = koffi.load(build.base);
koffi.struct('gguf_init_params', { no_alloc: 'bool', ctx: 'void *' });
const openGguf = base.func('void *gguf_init_from_file(const char *path, gguf_init_params params)');
const emptyGguf = base.func('void *gguf_init_empty()');
const freeGguf = base.func('void gguf_free(void *gguf)');
const addTensor = base.func('void gguf_add_tensor(void *gguf, const void *tensor)');
const writeHeader = base.func('bool gguf_write_to_file(const void *gguf, const char *path, bool only_meta)');
const fromKeys = koffi
  .load(build.llama)
  .func('void *llama_model_init_from_user(void *gguf, void *set_tensor, void *data, llama_model_params params)');
const toTensor = koffi.pointer(koffi.proto('void collect_llama_tensor(void *tensor, void *data)'));

interface Made {
  readonly model: Pointer;
  readonly metadata: GgufHeader['metadata'];
  readonly tensors: readonly KeyedTensor[];
}

/** Lets the library make a model of an architecture from its keys alone, and lists the tensors that it wants. */
function makeFromKeys({ architecture, keys }: KeyedArchitecture): Made {
  const [path, listed] = [join(folder, 'keys.gguf'), join(folder, 'tensors.gguf')];
  const metadata = new Map<string, GgufValue>([
    ['general.architecture', { type: 'string', value: architecture }],
    ['tokenizer.ggml.model', { type: 'string', value: 'no_vocab' }],
    ...Object.entries(keys).map(([key, value]): [string, GgufValue] => [`${architecture}.${key}`, value]),
  ]);
  const attempt = (count: number): Made | undefined => {
    // The library counts tensors of the file, and takes none of these.
    writeZeros(
      path,
      metadata,
      Array.from({ length: count }, (_, i) => ({ name: `unused.${i}`, dimensions: [1] })),
    );
    const gguf = openGguf(path, { no_alloc: true, ctx: null });
    const list = emptyGguf();
    const names = new Set<string>();
    const onTensor = koffi.register((tensor: Pointer) => {
      const name = String(library.tensorName(tensor));
      // A tied head is the embedding once more.
      if (!names.has(name)) addTensor(list, tensor);
      names.add(name);
    }, toTensor);
    log = '';
    const model = fromKeys(gguf, onTensor, null, library.modelDefaultParams());
    koffi.unregister(onTensor);
    writeHeader(list, listed, true);
    freeGguf(list);
    freeGguf(gguf);
    return model ? { model, metadata, tensors: readGgufHeader(listed).tensors } : undefined;
  };
  const made = attempt(0) ?? attempt(Number(/expected 0, got (\d+)/.exec(log)?.[1] ?? 0));
  if (made === undefined) throw new Error(`no model of ${architecture}: ${log.slice(-600)}`);
  return made;
}

/** Opens a model of zeros with optional tensors, which the library takes from a file alone. */
function openWithMore({ architecture, tensors: more }: KeyedArchitecture, { model, metadata, tensors }: Made): Made {
  library.modelFree(model);
  const path = join(folder, `${architecture}-zeros.gguf`);
  const all = [...tensors, ...more];
  writeZeros(path, metadata, all);
  log = '';
  const opened = library.modelLoad(path, library.modelDefaultParams());
  if (!opened) throw new Error(`no model of ${architecture}: ${log.slice(-600)}`);
  return { model: opened, metadata, tensors: all };
}

function writeZeros(path: string, metadata: GgufHeader['metadata'], tensors: readonly KeyedTensor[]): void {
  writeGguf(path, {
    metadata,
    tensors: tensors.map(({ name, dimensions }) => ({
      ...{ name, dimensions, type: F32 },
      read: () => [new Uint8Array(4 * dimensions.reduce((product, size) => product * size, 1))],
    })),
  });
}

describe('the planned caches of an architecture that the library makes from keys', () => {
  it.each(KEYED_ARCHITECTURES)('$name', (keyed) => {
    const made = makeFromKeys(keyed);
    const { model, metadata, tensors } = keyed.tensors.length === 0 ? made : openWithMore(keyed, made);
    try {
      const sizes = readSizes(
        metadata,
        tensors.map(({ name, dimensions }) => ({ name, dimensions, type: F32, offset: 0 })),
      );
      const facts = { ...sizes, path: '', embeddingSize: 256, vocabularySize: 512 };
      expectNear(estimateMemory(facts, SHAPE).kv, readAllocated(model, 'f16'));
    } finally {
      library.modelFree(model);
    }
  });
});
