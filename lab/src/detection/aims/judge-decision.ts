import { WINDOW_TOKENS } from '@ogong/protocol/modality/text/commitment/window';
import type { AimRow, AttackRow } from '../results.ts';
import { judgeTokens } from './aim-outcome.ts';

export function judgeDecision(aim: string, row: AttackRow | undefined, limit: number, reason = ''): AimRow {
  const tokens = row?.tokensToDecide?.median;
  const outcome = judgeTokens(tokens, row === undefined ? 0 : countSampled(row), limit);
  return {
    aim: `${aim} within ${limit} tokens`,
    measured: tokens === undefined ? (row ? 'not decided' : 'not measured') : `${Math.round(tokens)} tokens, median`,
    outcome,
    note: outcome === 'met' ? '' : reason,
  };
}

/** Tokens that gave evidence: one window from each reply. */
export const countSampled = ({ perWindow }: Pick<AttackRow, 'perWindow'>): number =>
  WINDOW_TOKENS * Math.max(0, ...perWindow.map(({ caught }) => caught.of));
