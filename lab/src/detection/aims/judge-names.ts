import type { AimRow, AttackRow, Share } from '../results.ts';
import { toShare } from '../share.ts';
import { judgeShare } from './aim-outcome.ts';
import { formatAimShare } from './aim-text.ts';

export function judgeNames(aim: string, attacks: readonly AttackRow[]): AimRow {
  const rows = attacks.filter(({ named }) => named !== undefined);
  const rejects = rows.reduce((sum, { named }) => sum + named!.of, 0);
  const count = (shares: readonly Share[]): number =>
    shares.reduce((sum, { value, of }) => sum + Math.round(value * of), 0);
  const right = count(rows.flatMap(({ named }) => named ?? []));
  const exactly = rows.flatMap(({ namedExactly }) => namedExactly ?? []);
  const named = exactly.reduce((sum, { of }) => sum + of, 0);
  return {
    aim,
    measured:
      rejects === 0
        ? 'not measured'
        : `${formatAimShare(right / rejects)} of ${rejects} rejects${named === 0 ? '' : `; the very attack in ${formatAimShare(count(exactly) / named)}, where several of a kind compute the same`}`,
    outcome: rejects === 0 ? 'undecided' : judgeShare(toShare(right, rejects), 0.95),
    note: rejects > 0 && right < 0.95 * rejects ? `${listConfusions(rows)}. ${FEW_NAMES}` : '',
  };
}

/** Rates how often the exact cheat is named, not only its kind. */
export function judgeExactNames(aim: string, attacks: readonly AttackRow[]): AimRow {
  const rows = attacks.flatMap(({ namedExactly }) => namedExactly ?? []);
  const rejects = rows.reduce((sum, { of }) => sum + of, 0);
  const right = rows.reduce((sum, { value, of }) => sum + Math.round(value * of), 0);
  const outcome = rejects === 0 ? 'undecided' : judgeShare(toShare(right, rejects), 0.95);
  return {
    aim,
    measured: rejects === 0 ? 'not measured' : `${formatAimShare(right / rejects)} of ${rejects} rejects`,
    outcome,
    note: rejects === 0 || outcome === 'met' ? '' : SAME_VALUES,
  };
}

const SAME_VALUES =
  'attacks of one kind leave the same values: noise and a fine-tune of one size, or a quantisation and any decoding with it. A cheat on some replies leaves those of a cheat on all. ' +
  'Consumers learn the kind. Names by the model that computed, and not by the attack, are the next idea';

const FEW_NAMES =
  'Pairs with fewer samples have few replies of each alternative to learn from. More of them are the next idea';

/** The attacks that are named wrongly most often. */
function listConfusions(rows: readonly AttackRow[]): string {
  const wrong = new Map<string, number>();
  for (const { attack, weights, named } of rows) {
    const name = `${attack} as ${weights}`;
    wrong.set(name, (wrong.get(name) ?? 0) + Math.round((1 - named!.value) * named!.of));
  }
  const most = [...wrong].sort((a, b) => b[1] - a[1]).slice(0, 5);
  return `most often misnamed: ${most.map(([name, count]) => `${name} (${count})`).join(', ')}`;
}
