import { toHex } from '../../base/bytes.ts';
import type { Opening } from '../../commitment/opening.ts';
import { formatPlan } from './guidance-plan.ts';
import { readTrajectoryOpening } from './replay.ts';
import { GUIDANCE_ONE } from './request.ts';
import { countLeftOut, STRENGTH_ONE } from './request-picture.ts';

/**
 * Formats the committed trajectory of a picture: the roots and projections of its steps, and the rows that its latents follow by.
 * @throws ProtocolError if the opening's form is wrong.
 */
export function formatTrajectory(opening: Opening): Readonly<Record<string, unknown>> {
  const { header, leaves, schedule } = readTrajectoryOpening(opening);
  const { guidanceQ16, guidancePlan, ...choices } = header.choices;
  const { source } = header;
  const { latentChannels, latentScale, scheduler } = header.facts;
  return {
    ...{ tier: header.tier, method: header.method, numeric_class: header.numericClass },
    choices: { ...choices, guidance: guidanceQ16 / GUIDANCE_ONE, ...(guidancePlan && formatPlan(guidancePlan)) },
    ...(source && {
      source: {
        strength: source.strengthQ16 / STRENGTH_ONE,
        first_step: countLeftOut(choices.steps, source),
        picture_hash: toHex(source.pictureHash),
        latent_root: toHex(source.latentRoot),
        ...(source.mask && { mask_hash: toHex(source.mask.fileHash), mask_root: toHex(source.mask.root) }),
      },
    }),
    ...(header.range && {
      range: {
        ...{ first_step: header.range.firstStep, last_step: header.range.lastStep },
        ...(header.range.latentHash && { latent_hash: toHex(header.range.latentHash) }),
      },
    }),
    latent: { values: header.embeddingSize, channels: latentChannels, scale: latentScale },
    scheduler: { kind: scheduler.kind, sampler: scheduler.sampler, ...scheduler.settings },
    schedule: {
      noise_scale: schedule.noiseScale,
      steps: schedule.steps.map((row) => ({
        ...{ timestep: row.timestep, input_scale: row.inputScale, latent: row.latent, output: row.output },
        ...{ latent_before: row.latentBefore, output_before: row.outputBefore },
      })),
    },
    steps: leaves.steps.map(({ latentRoot, outputRoot, stateRoot, projection }, step) => ({
      ...{ step, latent_root: toHex(latentRoot), output_root: toHex(outputRoot) },
      ...(stateRoot && { momentum_root: toHex(stateRoot) }),
      projection: [...projection],
    })),
    final_root: toHex(leaves.finalRoot),
  };
}
