import { fileURLToPath } from 'node:url';
import { describeEngine } from '@ogong/testing/engine/compliance';
import { createLlamaEngine } from './engine.ts';

const modelPath = fileURLToPath(
  import.meta.resolve('@ogong/testing/models/tiny-shapes-vision/model-q8_0.gguf'),
);

describeEngine({
  name: 'llama.cpp on tiny-shapes-vision q8_0',
  open: (options) => createLlamaEngine({ modelPath, pictureMark: '<image>', ...options }),
  prompts: ['Once upon a time', 'The little dog was very', 'One day, a girl named Lily found', 'Tom and'],
  readsPictures: true,
});
