import { mkdtemp, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { NARROW, SINGLE, WIDE } from '@ogong/protocol/modality/text/commitment/shape-classes';
import { decodeDraws, decodeSketch } from '@ogong/protocol/modality/text/commitment/window';
import {
  type ComplianceReply,
  collectReply,
  createRequest,
  createScoreRequest,
  keyOf,
  NO_END,
  readRows,
} from '@ogong/testing/engine/compliance-requests';
import { writeNoisyModel } from '@ogong/testing/models/noisy-model';
import { writeShallowModel } from '@ogong/testing/models/shallow-model';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TextTracingRequest } from '../interface/text.ts';
import { explainVulkanAbsence } from './device/gpu-build.ts';
import { createLlamaEngine, type LlamaEngine, type LlamaEngineOptions } from './engine.ts';
import { resolveModel } from './llama-quantizer.ts';

const engineDir = join(homedir(), '.ogong', 'engine');
const absence = explainVulkanAbsence(engineDir);
const PATIENCE_MS = 600_000;
const LAYERS = 3;
/** The reply begins narrow, runs wide from position 240 on, whose padding reaches back at 248, and narrow again from 256. */
const PROMPT = 237;
const POSITIONS = [2, 16, 20];
const NOISY_LAYER = 1;

describe.skipIf(absence !== undefined)(
  `a trace in shape classes${absence === undefined ? '' : ` (skipped: ${absence})`}`,
  () => {
    let folder: string;
    let modelPath: string;
    let engine: LlamaEngine;
    let reply: ComplianceReply;
    let request: Omit<TextTracingRequest, 'position'>;
    /** Traces of the reply as it was served, by position. */
    const honestTraces = new Map<number, ReturnType<LlamaEngine['trace']>>();
    const traceHonestly = (position: number) => {
      const trace = honestTraces.get(position) ?? engine.trace({ ...request, position });
      honestTraces.set(position, trace);
      return trace;
    };

    const open = (options: Partial<LlamaEngineOptions>) =>
      createLlamaEngine({
        ...{ modelPath, engineDir, backend: 'vulkan', shapes: 'wide', threads: 1, contextSize: 320, sequences: 1 },
        ...options,
      });
    const ask = (length: number, maxTokens: number) =>
      createRequest('', {
        prompt: { kind: 'tokens', tokens: Uint32Array.from({ length }, (_, at) => 3 + ((7 * at) % 500)) },
        ...{ drawKey: keyOf(950), maxTokens, bias: NO_END },
      });
    const asked = ask(PROMPT, 22);
    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), 'ogong-trace-shapes-'));
      modelPath = join(folder, 'shallow.gguf');
      const { path } = await resolveModel('stories260K', { storeDir: folder });
      // A block before the noisy one, and a block behind it.
      writeShallowModel(path, modelPath, { layers: LAYERS });
      engine = await open({ shapes: 'mixed', sequences: 2 });
      reply = await collectReply(engine.generate(asked));
      request = createScoreRequest(engine, asked, reply);
    }, PATIENCE_MS);
    afterAll(async () => {
      await engine?.close();
      await rm(folder, { recursive: true, force: true });
    });

    it(
      'holds the committed row of every position, whatever padding stands around it',
      async () => {
        const { vocabularySize, capabilities } = engine.info();
        expect(capabilities.trace).toBe(true);
        const rows = readRows(reply.windows, vocabularySize);
        const sketches = reply.windows.flatMap(({ sketch }) => decodeSketch(sketch, request.sketch));
        expect(new Set(POSITIONS.map((position) => request.shapeClasses?.[position]))).toEqual(new Set([NARROW, WIDE]));
        for (const position of POSITIONS) {
          const trace = await traceHonestly(position);
          expect(trace).toMatchObject({ exact: true });
          expect(trace.stages).toHaveLength(LAYERS + 3);
          const { rows: traced, runs } = decodeDraws(trace.row.draws, { vocabularySize });
          expect(traced).toEqual([rows[position]]);
          expect(runs).toEqual([{ length: 1, shapeClass: request.shapeClasses?.[position] }]);
          expect(decodeSketch(trace.row.sketch, request.sketch)).toEqual([sketches[position]]);
        }
      },
      PATIENCE_MS,
    );

    it(
      'holds the rows of single passes, too',
      async () => {
        const single = await open({ shapes: 'single' });
        try {
          // No padding stands around a single row, so the edge of a band is nothing to it.
          const short = ask(20, 6);
          const served = await collectReply(single.generate(short));
          const claim = createScoreRequest(single, short, served);
          expect([...(claim.shapeClasses as Uint8Array)]).toEqual(Array(6).fill(SINGLE));
          const rows = readRows(served.windows, engine.info().vocabularySize);
          // Another engine traces it, whose own steps are padded.
          for (const position of [0, 5]) {
            const trace = await engine.trace({ ...claim, position });
            expect(trace).toMatchObject({ exact: true });
            const { rows: traced } = decodeDraws(trace.row.draws, engine.info());
            expect(traced).toEqual([rows[position]]);
          }
          const shapeClasses = Uint8Array.from({ length: 6 }, (_, i) => (i === 5 ? SINGLE : WIDE));
          const other = await engine.trace({ ...claim, shapeClasses, position: 5 });
          expect(decodeDraws(other.row.draws, engine.info()).rows).not.toEqual([rows[5]]);
        } finally {
          await single.close();
        }
      },
      PATIENCE_MS,
    );

    it(
      'differs where the position, or those before it, are said to be of another class',
      async () => {
        const honest = await traceHonestly(2);
        const claimed = request.shapeClasses as Uint8Array;
        for (const bent of [[0], [2]]) {
          const shapeClasses = claimed.map((own, i) => (bent.includes(i) ? 3 - own : own));
          const trace = await engine.trace({ ...request, shapeClasses, position: 2 });
          expect(trace.stages.at(-1)).not.toEqual(honest.stages.at(-1));
        }
      },
      PATIENCE_MS,
    );

    it(
      'shows noise in the weights of a block first there',
      async () => {
        const noisyPath = join(folder, 'noisy.gguf');
        writeNoisyModel(modelPath, noisyPath, { tensor: `blk.${NOISY_LAYER}.ffn_down.weight`, seed: 7 });
        const noisy = await open({ modelPath: noisyPath });
        try {
          // One where padding stands behind the row, one where it stands before.
          for (const position of [2, 16]) {
            const [honest, bent] = [await traceHonestly(position), await noisy.trace({ ...request, position })];
            const differing = honest.stages.map((hash, stage) => Buffer.compare(hash, bent.stages[stage]!) !== 0);
            expect(differing).toEqual(differing.map((_, stage) => stage > NOISY_LAYER));
          }
        } finally {
          await noisy.close();
        }
      },
      PATIENCE_MS,
    );
  },
);
