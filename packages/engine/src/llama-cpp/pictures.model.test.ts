import { fileURLToPath } from 'node:url';
import { describeEngine } from '@ogong/testing/engine/compliance';
import type { PictureReader } from '../interface/vision.ts';
import { createLlamaEngine } from './engine.ts';

const modelPath = fileURLToPath('file:///work/shared/models/tiny-shapes-vision/model-q8_0.gguf');

/** These tests bring rows of their own. */
const pictures: PictureReader = {
  mark: '<image>',
  encode: () => Promise.reject(new Error('no picture is encoded here')),
  close: async () => undefined,
};

describeEngine({
  name: 'llama.cpp on tiny-shapes-vision q8_0',
  open: (options) => createLlamaEngine({ modelPath, pictures, ...options }),
  prompts: ['Once upon a time', 'The little dog was very', 'One day, a girl named Lily found', 'Tom and'],
  readsPictures: true,
});
