import type { TrajectoryEngine } from '@ogong/engine/interface/trajectory';
import { trajectory } from '@ogong/protocol/modality/trajectory/trajectory';
import type { ProviderModality } from '../modality.ts';
import { rerunReport } from '../rerun-report.ts';
import { measurePictureDrift } from './measure-drift.ts';
import { pictureEndpoints } from './picture-locally.ts';
import { openPictureJob } from './score-picture.ts';
import { pictureOrders } from './serve-picture.ts';

/** Pictures. */
export const trajectoryModality = {
  specificationVersion: 'trajectory-v1',
  name: trajectory.name,
  modelNoun: 'a model that makes pictures',
  writes: false,
  makesPictures: true,
  countSequences: (engine) => engine.info().sequences,
  describe(engine) {
    const { size, steps, scheduler } = engine.info();
    return { size: `${size.width}x${size.height}`, steps, sampler: scheduler.sampler };
  },
  wrapOnDemand: ({ use, borrow }) => ({
    specificationVersion: 'trajectory-v1',
    async *generate(request, options) {
      const { engine, release } = await borrow();
      try {
        yield* engine.generate(request, options);
      } finally {
        release();
      }
    },
    runStep: (request, at, options) => use((engine) => engine.runStep(request, at, options)),
    decode: (latent, size, options) => use((engine) => engine.decode(latent, size, options)),
    encode: (pixels, size, options) => use((engine) => engine.encode(pixels, size, options)),
    tokenize: (prompt) => use((engine) => engine.tokenize(prompt)),
  }),
  orders: pictureOrders,
  openScoreJob: openPictureJob,
  rerun: (claim, means) => rerunReport<TrajectoryEngine>(openPictureJob, claim, means),
  measureDistances: measurePictureDrift,
  atOnce: pictureEndpoints,
  findMisuse: (_engine, use) =>
    use === 'pictures' ? undefined : `${use}: it makes pictures; send the prompt to POST /v1/images/generations`,
  listCapabilities: () => ['image'],
} satisfies ProviderModality<TrajectoryEngine>;
