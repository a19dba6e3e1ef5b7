import { describeEngine } from '@ogong/testing/engine/compliance';
import { collectReply, createRequest, createScoreRequest } from '@ogong/testing/engine/compliance-requests';
import { readVisionExamples, TINY_VISION_MODEL, type VisionExample } from '@ogong/testing/models/vision-folder';
import { afterAll, describe, expect, it } from 'vitest';
import type { TextEngine } from '../interface/text.ts';
import { openEngine } from '../open-engine.ts';

const open = (options = {}) => openEngine({ modelPath: TINY_VISION_MODEL, ...options }) as Promise<TextEngine>;

describeEngine({
  name: 'llama.cpp on tiny-shapes-vision q8_0',
  open: ({ sequences, contextSize }) => open({ sequences, contextSize }),
  prompts: ['Once upon a time', 'The little dog was very', 'One day, a girl named Lily found', 'Tom and'],
  readsPictures: true,
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
    const score = { ...createScoreRequest(engine, request, reply), pictures: [picture.rows] };
    const { windows, exact } = await other.score(score);
    expect({ windows, exact }).toEqual({ windows: reply.windows, exact: true });
    const own = await other.encodePicture(example.file);
    expect(own.rows).not.toEqual(picture.rows);
    const wrong = await other.encodePicture(another.file);
    expect((await other.score({ ...score, pictures: [wrong.rows] })).windows).not.toEqual(reply.windows);
  });
});
