import { MOST_INPUT_SIDE, MOST_ROWS, type VisionFamily } from './family.ts';
import { createFixedReader } from './fixed-size.ts';

/** The trained model of 32x32 pixels of tests. Its `config.json` states everything that other families know by themselves. */
export const tinyShapes: VisionFamily = {
  modelTypes: ['tiny-shapes-vision'],
  open: (config, preprocessor) =>
    createFixedReader(preprocessor, {
      mark: config.text('image_mark'),
      rows: config.count('image_rows', MOST_ROWS),
      side: config.count('image_size', MOST_INPUT_SIDE),
    }),
};
