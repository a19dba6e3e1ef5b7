import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TextGenerationRequest } from '@ogong/engine/interface/text';
import { DEFAULT_DIRECTIONS } from '@ogong/protocol/commitment/sketch';
import { PLAIN_SAMPLER } from '@ogong/protocol/modality/text/sampling/sampler';
import { collectReply, createScoreRequest } from '@ogong/testing/engine/compliance-requests';
import { startPluginServer } from '@ogong/testing/upstream/plugin-server';
import { expect, it } from 'vitest';
import { textModality } from '../modality/text/text.ts';
import { type EngineSettings, loadModelOf } from './engine-config.ts';
import { loadPluginModel } from './upstream-config.ts';

const STORIES = `file:${fileURLToPath(new URL('../../../models/models/stories260K.gguf', import.meta.url))}`;
const place = { log: { info: () => {}, warn: () => {} } };

it('a model file templates and spells for a vLLM with the plugin, and an engine of the same weights computes its windows', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'ogong-plugin-'));
  const settings: EngineSettings = { modelsDir: directory, isa: 'auto', threads: 1, sequences: 2, nCtx: 256 };
  const { engine: computing } = await loadModelOf(textModality, STORIES, settings, place);
  const server = await startPluginServer({ directory, engine: computing, model: 'stories', contextSize: 256 });
  const given = { ...settings, upstream: server.address, upstreamWindows: directory };
  const engine = await loadPluginModel('x', STORIES, given, place);
  const request: TextGenerationRequest = {
    ...{ prompt: { kind: 'text', text: 'Once upon a time' }, sampler: PLAIN_SAMPLER, bias: [], stop: [] },
    ...{ drawKey: new Uint8Array(32).fill(7), maxTokens: 40, topLogprobs: 0 },
    sketch: { bankSeed: new Uint8Array(32).fill(3), directions: DEFAULT_DIRECTIONS },
  };
  const reply = await collectReply(engine.generate(request));
  const own = await collectReply(computing.generate(request));
  expect(reply.text).toBe(own.text);
  expect(engine.info().modelRoot).toEqual(computing.info().modelRoot);
  const scored = await computing.score({
    ...createScoreRequest(computing, request, reply),
    numericClass: computing.info().numericClass,
  });
  expect(scored.windows).toEqual(own.windows);
  expect(reply.windows).toEqual(own.windows);
  await engine.close();
  await computing.close();
  await server.close();
  rmSync(directory, { recursive: true });
});
