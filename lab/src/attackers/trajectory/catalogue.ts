import { lowerGuidance, noGuidance, statedGuidance } from './another-guidance.ts';
import { anotherLatent, replacedLatent } from './another-latent.ts';
import { droppedPrompt, hiddenPrompt, shownPrompt } from './another-prompt.ts';
import { fittedSchedule, hiddenSchedule, statedSchedule } from './another-schedule.ts';
import type { PictureAttack } from './attack.ts';
import { cachedPicture, fittedCache, joinedCache } from './cached-picture.ts';
import { CHANGED_PICTURES } from './changed-picture.ts';
import { CHEAP_WEIGHTS } from './cheap-weights.ts';
import { fittedHalfSteps, halfSteps, repeatedHalf, repeatedTenth } from './fewer-steps.ts';
import { noMomentum, repeatedAnswer } from './no-momentum.ts';
import { upscaledLatents, upscaledPixels } from './upscaled-picture.ts';
import { withheldValues, wrongChunk } from './withheld-values.ts';

/** All attackers of pictures. */
export const PICTURE_ATTACKS: readonly PictureAttack[] = [
  ...[halfSteps, fittedHalfSteps, repeatedHalf, repeatedTenth],
  ...[hiddenSchedule, fittedSchedule, statedSchedule],
  ...CHEAP_WEIGHTS,
  ...[noGuidance, lowerGuidance, statedGuidance],
  ...[noMomentum, repeatedAnswer],
  ...[droppedPrompt, hiddenPrompt, shownPrompt],
  ...[cachedPicture, fittedCache, joinedCache],
  ...[upscaledLatents, upscaledPixels, anotherLatent, replacedLatent],
  ...[withheldValues, wrongChunk],
  ...CHANGED_PICTURES,
];
