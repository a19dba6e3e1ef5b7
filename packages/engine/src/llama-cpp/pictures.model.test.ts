import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readGgufHeader } from '@ogong/models/gguf/read';
import type { GgufValue } from '@ogong/models/gguf/types';
import { describeEngine } from '@ogong/testing/engine/compliance';
import { collectReply, createRequest, createScoreRequest } from '@ogong/testing/engine/compliance-requests';
import { findArchitecture } from '@ogong/testing/models/architectures/catalogue';
import { writeRandomArchitecture } from '@ogong/testing/models/architectures/random-architecture';
import { readVisionExamples, TINY_VISION_MODEL, type VisionExample } from '@ogong/testing/models/vision-folder';
import { afterAll, describe, expect, it } from 'vitest';
import type { TextEngine } from '../interface/text.ts';
import type { PictureEncoder } from '../interface/vision.ts';
import { openEngine } from '../open-engine.ts';
import { createLlamaEngine } from './engine.ts';
import { llamaQuantizer } from './llama-quantizer.ts';
import { inspectModelFile } from './model-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'ogong-grids-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const open = (options = {}) => openEngine({ modelPath: TINY_VISION_MODEL, ...options }) as Promise<TextEngine>;

describeEngine({
  name: 'llama.cpp on tiny-shapes-vision q8_0',
  open: ({ sequences, contextSize }) => open({ sequences, contextSize }),
  prompts: ['Once upon a time', 'The little dog was very', 'One day, a girl named Lily found', 'Tom and'],
  readsPictures: true,
});

const TEMPLATE = 'tokenizer.chat_template';

/** Qwen2-VL with random weights, and the words of the trained model. Rows of pictures have positions in a grid. */
async function writeGridModel(weights: 'f16' | 'q8_0'): Promise<string> {
  const recipe = findArchitecture('qwen2');
  const sections = { type: 'array', of: 'i32', value: [4, 6, 6, 0] } as const;
  const path = join(folder, 'grid-f16.gguf');
  const vocabularyFrom = join(TINY_VISION_MODEL, 'model-q8_0.gguf');
  writeRandomArchitecture(path, {
    recipe: { ...recipe, architecture: 'qwen2vl', keys: { ...recipe.keys, 'rope.dimension_sections': sections } },
    ...{ seed: 5, vocabularyFrom },
    more: { [TEMPLATE]: readGgufHeader(vocabularyFrom).metadata.get(TEMPLATE) as GgufValue },
  });
  if (weights === 'f16') return path;
  const quantised = join(folder, 'grid-q8_0.gguf');
  await llamaQuantizer.quantize(path, quantised, weights);
  return quantised;
}

describe.each(['q8_0', 'f16'] as const)('positions in a grid, weights %s', (weights) => {
  describeEngine({
    name: 'llama.cpp on a random qwen2vl',
    async open({ sequences, contextSize }) {
      const modelPath = await writeGridModel(weights);
      const { embeddingSize } = inspectModelFile(modelPath);
      return createLlamaEngine({ modelPath, sequences, contextSize, encoder: createIdleEncoder(embeddingSize) });
    },
    prompts: ['Once upon a time', 'The little dog was very', 'One day, a girl named Lily found', 'Tom and'],
    readsPictures: true,
    pictureGrid: [4, 5],
  });
});

/** An encoder for tests that bring rows of their own. */
const createIdleEncoder = (rowSize: number): PictureEncoder => ({
  info: () => ({
    ...{ root: new Uint8Array(32), numericClass: 'none', exact: true },
    ...{ rowSize, mark: '<image>', mostRows: 20 },
  }),
  measure: () => [],
  encode: () => Promise.reject(new Error('no picture is encoded here')),
  close: async () => undefined,
});

describe('a model with an encoder of pictures', async () => {
  const examples = readVisionExamples();
  const [engine, other] = [await open(), await open({ encoderBackend: 'wasm' })];
  afterAll(() => Promise.all([engine.close(), other.close()]));

  const ask = async ({ file, question }: Pick<VisionExample, 'file' | 'question'>) => {
    const picture = await engine.encodePicture(file);
    const request = createRequest('', {
      prompt: {
        kind: 'chat',
        messages: [{ role: 'user', content: question, parts: [{ picture: 'ogong:media/1' }, { text: question }] }],
        pictures: [picture],
      },
      sampler: { ...createRequest('').sampler, temperatureQ16: 0 },
      maxTokens: 24,
    });
    return { picture, request, reply: await collectReply(engine.generate(request)) };
  };

  it('answers questions about pictures', async () => {
    const answers = [];
    for (const example of examples) answers.push((await ask(example)).reply.text.trim() === example.answer);
    expect(answers.filter(Boolean).length).toBeGreaterThanOrEqual(Math.ceil(0.75 * examples.length));
  });

  it('is checked to the bit on the committed rows, beside an encoder of another class', async () => {
    const [example, another] = examples as [VisionExample, VisionExample];
    const { picture, request, reply } = await ask(example);
    const score = { ...createScoreRequest(engine, request, reply), pictures: [picture] };
    const { windows, exact } = await other.score(score);
    expect({ windows, exact }).toEqual({ windows: reply.windows, exact: true });
    const own = await other.encodePicture(example.file);
    expect(own.rows).not.toEqual(picture.rows);
    const wrong = await other.encodePicture(another.file);
    expect((await other.score({ ...score, pictures: [wrong] })).windows).not.toEqual(reply.windows);
  });
});
