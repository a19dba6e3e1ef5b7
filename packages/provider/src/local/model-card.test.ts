import { pathOfPictureModel } from '@ogong/testing/models/picture-folder';
import { expect, it } from 'vitest';
import { readModelCard } from './model-card.ts';

it('describes a model folder by its pipeline and its networks', () => {
  const path = pathOfPictureModel('tiny-shapes-ddim-unet');
  const card = readModelCard({ path, modelRoot: 'a folder' });
  expect(card).toMatchObject({
    ...{ family: 'StableDiffusionPipeline', parameterSize: '1.12M', quantization: 'F32', isReranker: false },
    modality: { specificationVersion: 'trajectory-v1', writes: false },
  });
  expect(readModelCard({ path: '', modelRoot: 'a folder' })).toBe(card);
});
