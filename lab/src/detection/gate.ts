import type { AttackDefinition } from '../attackers/attack.ts';
import type { DetectionResults } from './results.ts';

/**
 * What must hold in every run, however small: equalities, no rates. Exact classes and draws give the same answer on every
 * machine, so that a line here is a fault and never bad luck.
 */
export function listBroken(
  { stage1, equality, attacks }: Pick<DetectionResults, 'stage1' | 'equality' | 'attacks'>,
  definitions: readonly Pick<AttackDefinition, 'name' | 'caughtBy'>[],
): string[] {
  const broken: string[] = [];
  for (const { source, mismatches, replies } of stage1) {
    if (mismatches > 0) broken.push(`${source}: stage 1 refutes ${mismatches} of ${replies} honest replies`);
  }
  for (const { variant, weights, differing } of equality) {
    if (differing > 0) broken.push(`${weights} ${variant}: ${differing} honest replies differ in an exact class`);
  }
  if (stage1.length === 0 || equality.length === 0) broken.push('nothing honest was measured');
  for (const row of attacks) {
    const definition = definitions.find(({ name }) => name === row.attack);
    if (definition === undefined || definition.caughtBy.length === 0) continue;
    const seen = row.stage1.value > 0 || (row.equality?.differ.value ?? 0) > 0 || isPlain(row.caughtBy);
    if (!seen) broken.push(`${row.attack}, sold as ${row.weights}: no check of an exact class saw any of its replies`);
    if (row.family === 'weights' && row.equality !== undefined && row.equality.differ.value < 1) {
      broken.push(`${row.attack}, sold as ${row.weights}: some replies equal the sold model's bit for bit`);
    }
  }
  return broken;
}

const isPlain = (caughtBy: Readonly<Record<string, number>>): boolean =>
  Object.keys(caughtBy).some((check) => check !== 'nothing' && check !== 'likelihood');
