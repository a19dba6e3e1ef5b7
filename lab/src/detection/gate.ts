import { computesOtherwise } from './plan/experiments.ts';
import type { DetectionResults } from './results.ts';

/**
 * Lists what is broken in a run, however small: equalities only, no rates. Exact classes and draws give the same answer on
 * every machine, so each line is a fault and never chance. catalogue.simulation.test.ts tests which checks see each attack.
 */
export function listBroken({
  stage1,
  equality,
  attacks,
}: Pick<DetectionResults, 'stage1' | 'equality' | 'attacks'>): string[] {
  const broken: string[] = [];
  for (const { source, mismatches, replies } of stage1) {
    if (mismatches > 0) broken.push(`${source}: stage 1 refutes ${mismatches} of ${replies} honest replies`);
  }
  for (const { variant, weights, differing } of equality) {
    if (differing > 0) broken.push(`${weights} ${variant}: ${differing} honest replies differ in an exact class`);
  }
  if (stage1.length === 0 || equality.length === 0)
    broken.push(
      'too little was sampled to tell: no honest reply in an exact class; run it longer (--minutes), or again: it goes on',
    );
  // A sliding window forgets nothing until it is full. All other attacks compute something else from the first token on.
  const others = attacks.filter(
    ({ attack: name, family }) => computesOtherwise({ name, family }) && !name.startsWith('sliding-window'),
  );
  for (const { attack, weights: sold, equality: onCpu, vulkan } of others) {
    for (const [compared, where] of [
      [onCpu, 'the CPU'],
      [vulkan, 'Vulkan'],
    ] as const) {
      if (compared !== undefined && compared.differ.value < 1) {
        broken.push(`${attack}, sold as ${sold}, on ${where}: some replies equal the sold model's bit for bit`);
      }
    }
  }
  return broken;
}
