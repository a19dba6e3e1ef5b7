import { copyFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describeSegments, type TestedSegmentOptions } from '@ogong/testing/engine/segment-compliance';
import { findArchitecture } from '@ogong/testing/models/architectures/catalogue';
import { deepen } from '@ogong/testing/models/architectures/deepen';
import { writeRandomArchitecture } from '@ogong/testing/models/architectures/random-architecture';
import { writeSlabs } from '@ogong/testing/models/cut-model';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { nativeHash } from '../../decode/native-hash.ts';
import type { SegmentEngine } from '../../interface/segment.ts';
import type { SupervisorEvent } from '../../process/supervisor.ts';
import { llamaQuantizer, resolveModel } from '../llama-quantizer.ts';
import { openSegmentEngine, type SupervisedSegment } from './segment-engine.ts';
import { openSegmentModel } from './segment-model.ts';

let folder: string;
const slabs: Record<string, readonly string[]> = {};
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ogong-segment-'));
  const vocabularyFrom = (await resolveModel('stories260K', { storeDir: folder })).path;
  for (const name of ['llama', 'mamba']) {
    const floats = join(folder, `${name}.gguf`);
    writeRandomArchitecture(floats, { recipe: deepen(findArchitecture(name), 2), seed: 7, vocabularyFrom });
    await llamaQuantizer.quantize(floats, `${floats}-q8_0`, 'q8_0');
    slabs[name] = writeSlabs(`${floats}-q8_0`, [1, 3]);
    slabs[`${name} f16`] = writeSlabs(floats, [1, 3]);
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const digestOf = (file: string) => {
  const bytes = readFileSync(file);
  return { sizeBytes: bytes.length, sha256: nativeHash.sha256(bytes) };
};
const slabsOf = (name: string): readonly string[] => slabs[name] ?? [];
const openHere = (name: string) => async (options: TestedSegmentOptions) =>
  slabsOf(name).map((slab) => openSegmentModel(slab, options));
const openChildren = (name: string) => (options: TestedSegmentOptions) =>
  Promise.all(slabsOf(name).map((slab) => openSegmentEngine(slab, { ...options, expected: digestOf(slab) })));

describeSegments({ name: 'segments in this process', open: openHere('llama') });
describeSegments({ name: 'segments of float weights', open: openHere('llama f16') });
describeSegments({ name: 'segments of recurrent layers', open: openHere('mamba'), isRecurrent: true });
describeSegments({ name: 'segments in processes of their own', open: openChildren('llama') });

describe('a segment in a process of its own', () => {
  const opened: SegmentEngine[] = [];
  afterEach(async () => {
    for (const segment of opened.splice(0)) await segment.close();
  });
  const open = async (slab: string, options: Partial<Parameters<typeof openSegmentEngine>[1]> = {}) => {
    const events: SupervisorEvent[] = [];
    const onEvent = (event: SupervisorEvent): void => void events.push(event);
    const expected = options.expected ?? digestOf(slab);
    const segment = await openSegmentEngine(slab, { contextSize: 64, ...options, expected }, { onEvent });
    opened.push(segment);
    return { segment, events };
  };
  const step = (segment: SupervisedSegment, position: number) =>
    segment.run({ kind: 'step', groups: [{ sequence: 0, position, rows: 1 }], input: Uint32Array.of(5) });

  it('starts again after it was killed, with empty sequences', async () => {
    const { segment, events } = await open(slabsOf('llama')[0] as string);
    const rows = await step(segment, 0);
    const attempt = step(segment, 1);
    process.kill(segment.pid() as number, 'SIGKILL');
    await attempt.catch((error) => expect(error).toMatchObject({ code: 'engine-crashed', retryable: true }));
    await expect.poll(() => events.map(({ kind }) => kind)).toEqual(['ready', 'crashed', 'ready']);
    await expect(step(segment, 1)).rejects.toMatchObject({ code: 'invalid-request' });
    expect(await step(segment, 0)).toEqual(rows);
  });

  it('loads the slab of the manifest alone, also after a restart', async () => {
    const path = join(folder, 'replaced.gguf');
    const [own, other] = slabsOf('llama') as [string, string];
    copyFileSync(own, path);
    const expected = digestOf(path);
    for (const wrong of [{ sizeBytes: expected.sizeBytes - 1 }, { sha256: digestOf(other).sha256 }])
      await expect(open(path, { expected: { ...expected, ...wrong } })).rejects.toMatchObject({
        code: 'model-corrupt',
      });
    await expect(open(join(folder, 'none'), { expected })).rejects.toMatchObject({ code: 'model-not-found' });
    const { segment, events } = await open(path, { expected });
    copyFileSync(own, path);
    process.kill(segment.pid() as number, 'SIGKILL');
    await expect.poll(() => events.at(-1)).toMatchObject({ kind: 'crashed', restartInMs: undefined });
    await expect(step(segment, 0)).rejects.toMatchObject({ code: 'model-corrupt' });
  });

  it('takes no more calls than may wait, and no more memory than there is', async () => {
    const [first] = slabsOf('llama') as [string];
    const { segment } = await open(first, { maxQueue: 2 });
    const calls = await Promise.allSettled(Array.from({ length: 8 }, (_, position) => step(segment, position)));
    expect(calls[0]).toMatchObject({ status: 'fulfilled' });
    expect(calls.at(-1)).toMatchObject({ status: 'rejected', reason: { code: 'overloaded', retryable: true } });
    await expect(open(first, { availableMemory: 2 ** 20 })).rejects.toMatchObject({ code: 'not-enough-memory' });
    await expect(open(first, { threads: 0 })).rejects.toMatchObject({ code: 'invalid-request' });
  });
});
