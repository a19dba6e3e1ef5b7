import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { writeRandomModel } from '@ogong/testing/models/random-model';
import koffi from 'koffi';
import { afterAll, expect, it } from 'vitest';
import { loadLlama } from '../library.ts';
import { openLlamaModel } from '../model.ts';
import { inspectModelFile } from '../model-file.ts';
import { BATCH_ROWS, estimateMemory } from './memory.ts';
import { findLlamaBuild } from './platform.ts';

const DONOR = fileURLToPath(new URL('../../../../models/models/stories260K.gguf', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'ogong-memory-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Share of the process and of small buffers in the estimate, besides the memory that llama.cpp computes in. */
const BASE_BYTES = 64 * 2 ** 20;

it('counts the buffers of a large vocabulary, as llama.cpp allocates them', () => {
  const path = join(folder, 'words.gguf');
  const shape = {
    embedding: 256,
    layers: 2,
    heads: 4,
    kvHeads: 2,
    feedForward: 512,
    context: 2048,
    vocabulary: 64_000,
  };
  writeRandomModel(path, { vocabularyFrom: DONOR, shape });
  const build = findLlamaBuild();
  const library = loadLlama(build, 'auto');
  const readBuffer = koffi
    .load(build.base)
    .func('size_t ggml_backend_sched_get_buffer_size(void *scheduler, void *backend)');
  let handle: unknown;
  const contextInit = (...given: unknown[]): unknown => {
    handle = library.contextInit(...given);
    return handle;
  };
  const model = openLlamaModel({ ...library, contextInit }, path, {});
  const context = model.createContext({ contextSize: 2048, sequences: 2, threads: 1, batchSize: BATCH_ROWS });
  try {
    const scheduler = library.getScheduler?.(handle);
    const graph = Number(readBuffer(scheduler, library.schedulerBackend(scheduler, 0)));
    const { compute, kv } = estimateMemory(inspectModelFile(path), {
      ...{ contextSize: 2048, sequences: 2, batchSize: BATCH_ROWS },
    });
    const outputs = BATCH_ROWS * (shape.vocabulary + shape.embedding) * 4;
    expect(compute - BASE_BYTES).toBeGreaterThanOrEqual(graph + outputs - 2 ** 20);
    expect(compute - BASE_BYTES).toBeLessThan(1.2 * (graph + outputs));
    expect(kv).toBe(2 * 2048 * shape.layers * shape.kvHeads * (shape.embedding / shape.heads) * 2 * 2);
  } finally {
    context.free();
    model.free();
  }
});
