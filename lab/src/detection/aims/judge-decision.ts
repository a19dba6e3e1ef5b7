import type { AimRow, AttackRow } from '../results.ts';

export function judgeDecision(aim: string, row: AttackRow | undefined, limit: number, reason = ''): AimRow {
  const tokens = row?.tokensToDecide?.median;
  const met = tokens !== undefined && tokens <= limit;
  return {
    aim: `${aim} within ${limit} tokens`,
    measured: tokens === undefined ? (row ? 'not decided' : 'not measured') : `${Math.round(tokens)} tokens, median`,
    met,
    note: met ? '' : reason,
  };
}
