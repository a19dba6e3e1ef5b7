import { fileURLToPath } from 'node:url';
import { pathOfPictureModel } from '@ogong/testing/models/picture-folder';
import { describe, expect, it } from 'vitest';
import { localConfig } from '../provider/provider-config.ts';
import { addEmbeddedImages } from './embedded-image.ts';

const STORIES = fileURLToPath(new URL('../../../models/models/stories260K.gguf', import.meta.url));
const PICTURES = pathOfPictureModel('tiny-shapes-flow-dit');

describe('--embedded-image', () => {
  it('is --model for a model of pictures, behind the others', () => {
    const parsed = localConfig.parse(['--embedded-image', PICTURES, '--model', 'a', '--embedded-image', 'hf:b/c'], {});
    if (parsed.kind !== 'run') throw new Error(parsed.text);
    const { model, embeddedImage } = parsed.values;
    expect(addEmbeddedImages(model, embeddedImage)).toEqual(['a', PICTURES, 'hf:b/c']);
  });

  it.each([STORIES, `file:${STORIES}`, fileURLToPath(new URL('.', import.meta.url))])(
    'refuses a file or folder that makes no pictures, and names --model: %s',
    (reference) => {
      const message = `--embedded-image ${reference}: it is no model of pictures; give it by --model`;
      expect(() => addEmbeddedImages([], [reference])).toThrow(message);
    },
  );
});
