import { PIXEL_BYTES } from '@ogong/protocol/modality/trajectory/picture-size';
import { makeHonestly, type PictureAttack } from './attack.ts';
import { listNextLatents, planDeclared, walkAlong } from './walk.ts';

/** Values of a picture or a latent, and where a row's and a column's neighbour stands. */
interface Grid {
  readonly width: number;
  readonly height: number;
  readonly planes: number;
  readonly at: (plane: number, row: number, column: number) => number;
}

/** Replaces each square of four values by their mean: a grid of half the size, scaled up again. */
export function halve(values: ArrayLike<number>, { width, height, planes, at }: Grid): Float64Array {
  const halved = new Float64Array(values.length);
  for (let plane = 0; plane < planes; plane++)
    for (let row = 0; row < height; row += 2)
      for (let column = 0; column < width; column += 2) {
        const square = [0, 1].flatMap((down) => [0, 1].map((right) => at(plane, row + down, column + right)));
        const mean = square.reduce((sum, index) => sum + (values[index] as number), 0) / square.length;
        for (const index of square) halved[index] = mean;
      }
  return halved;
}

export const upscaledLatents: PictureAttack = {
  name: 'upscaled-latents',
  aim: 'a picture of half the size; its latents are scaled up, and outputs are fitted to them',
  caughtBy: 'equality',
  async make({ sold }, order) {
    const { choices, noise } = order;
    const info = sold.info();
    const [width, height] = [choices.width / info.latentScale, choices.height / info.latentScale];
    const at: Grid['at'] = (plane, row, column) => (plane * height + row) * width + column;
    const grid = { width, height, planes: info.latentChannels, at };
    const made = await makeHonestly(sold, order);
    const wanted = listNextLatents(made).map((latent) => Float32Array.from(halve(latent, grid)));
    const walked = await walkAlong(planDeclared(info, choices), noise, wanted);
    return { ...made, ...walked, pixels: await sold.decode(walked.final, choices) };
  },
};

export const upscaledPixels: PictureAttack = {
  name: 'upscaled-pixels',
  aim: 'all steps, and a decoding of a quarter of the size, which is scaled up',
  caughtBy: 'equality',
  async make({ sold }, order) {
    const { width, height } = order.choices;
    const at: Grid['at'] = (plane, row, column) => (row * width + column) * PIXEL_BYTES + plane;
    const made = await makeHonestly(sold, order);
    return {
      ...made,
      pixels: Uint8Array.from(halve(made.pixels, { width, height, planes: PIXEL_BYTES, at }), Math.round),
    };
  },
};
