/**
 * Draws the number of successes among so many trials. It draws the gaps between them, so it costs one number for each success and
 * one more, and not one for each trial.
 */
export function drawBinomial(trials: number, chance: number, random: () => number): number {
  if (chance <= 0 || trials <= 0) return 0;
  if (chance >= 1) return trials;
  if (chance > 0.5) return trials - drawBinomial(trials, 1 - chance, random);
  const scale = 1 / Math.log1p(-chance);
  let successes = 0;
  for (let at = 0; ; at++) {
    at += Math.floor(Math.log1p(-random()) * scale);
    if (at >= trials) return successes;
    successes++;
  }
}
