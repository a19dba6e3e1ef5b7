import { MOST_INPUT_SIDE, MOST_ROWS, type VisionFamily } from './family.ts';
import { createFixedReader } from './fixed-size.ts';

/** LLaVA 1.5 and models of its form: CLIP's encoder over one square picture, a row for each patch. */
export const llava: VisionFamily = {
  modelTypes: ['llava'],
  open(config, preprocessor) {
    const vision = config.object('vision_config');
    const side = vision.count('image_size', MOST_INPUT_SIDE, 336);
    const patches = Math.floor(side / vision.count('patch_size', side, 14)) ** 2;
    const strategy = config.has('vision_feature_select_strategy')
      ? config.text('vision_feature_select_strategy')
      : 'default';
    if (strategy !== 'default' && strategy !== 'full')
      config.refuse(`"vision_feature_select_strategy" is ${strategy}; possible are default and full`);
    // The class token of CLIP is a row of its own, or it is left out.
    const rows = strategy === 'full' ? patches + 1 : patches;
    if (rows > MOST_ROWS) config.refuse(`a picture has ${rows} rows; at most ${MOST_ROWS} are possible`);
    return createFixedReader(preprocessor, { mark: '<image>', rows, side });
  },
};
