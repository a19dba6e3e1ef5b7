import { computeTailSurvival, computeTailSurvivalLimit, fitTail, hasTail } from '@ogong/protocol/statistics/tail-fit';
import { PROFILES } from '../plan/profiles.ts';
import type { AimOutcome, AimRow, AttackRow, DetectionResults, Share } from '../results.ts';
import { toShare } from '../share.ts';
import { judgeShare } from './aim-outcome.ts';
import { formatShare } from './aim-text.ts';

type Measured = Pick<DetectionResults, 'attacks' | 'stage1' | 'profile'>;

export function judgeHonestDraws({ stage1 }: Pick<Measured, 'stage1'>): AimRow {
  const tokens = stage1.reduce((sum, row) => sum + row.tokens, 0);
  const mismatches = stage1.reduce((sum, row) => sum + row.mismatches, 0);
  return {
    aim: 'stage 1: no honest mismatch in 1e6 tokens, every class, batch and sampler',
    measured: `${mismatches} replies of ${stage1.reduce((sum, row) => sum + row.replies, 0)}, ${tokens} tokens`,
    outcome: mismatches > 0 ? 'missed' : tokens >= 1e6 ? 'met' : 'undecided',
    note: tokens < 1e6 ? `this profile samples ${tokens} tokens only` : '',
  };
}

export function judgeStage1({ attacks, stage1, profile }: Measured): AimRow[] {
  const isCoarse = ({ attack }: AttackRow): boolean =>
    /^prefill/.test(attack) && !/q8-0|noise|fine-tune|adapter/.test(attack);
  const fine = attacks.find(({ attack, weights }) => attack === 'prefill-q8-0' && weights === 'f16');
  const replies = stage1.reduce((sum, row) => sum + row.replies, 0);
  const us = stage1.reduce((sum, row) => sum + row.usPerToken * row.replies, 0) / replies;
  const perFullReply: AimRow[] = [
    judgeRefuted(
      'every sampler cheat',
      attacks.filter(({ attack }) => SAMPLER_CHEATS.test(attack)),
      NO_CHEAT,
    ),
    judgeRefuted('every pre-fill from Q5 or coarser', attacks.filter(isCoarse)),
    {
      aim: 'stage 1: pre-fill from Q8_0 into F16 caught per full reply, 99.5 %',
      measured: fine ? formatShare(fine.stage1Full) : 'not measured',
      outcome: fine === undefined ? 'undecided' : judgeShare(fine.stage1Full, 0.995),
      note: fine ? explainEscapes(fine.stage1Full) : 'no sample',
    },
  ];
  // A shorter reply has fewer draws that can refute it. If one escapes, that says nothing about full replies.
  const isShort = PROFILES[profile].maxTokens < FULL;
  return [
    ...perFullReply.map((row) =>
      isShort && row.outcome === 'missed' ? { ...row, outcome: 'undecided' as const } : row,
    ),
    {
      aim: 'stage 1: at most 5 microseconds a token',
      measured: replies === 0 ? 'not measured' : `${us.toFixed(1)} in this run, with parsing and hashing`,
      // Other lanes use the same cores, so a long time proves nothing.
      outcome: us <= 5 ? 'met' : 'undecided',
      note:
        us <= 5
          ? ''
          : 'timed beside everything else that this run does. `npm run bench` times it alone (docs/bench.md)',
    },
  ];
}

const SAMPLER_CHEATS = /^(sampler-|greedy-as-sampled|grind-(nonce|reply-id|epoch))/;

/** Stage 1 replays every draw, so only an honest reply passes. */
const NO_CHEAT =
  'The passed replies equal the declared sampler’s own draws, token for token, as is common for similar samplers. The consumer loses nothing';

/** Rates all attacks of a kind together, because one attack has too few replies to show such a small share of escapes. */
function judgeRefuted(what: string, rows: readonly AttackRow[], whatEscapes?: string): AimRow {
  const of = rows.reduce((sum, { stage1Full }) => sum + stage1Full.of, 0);
  const caught = rows.reduce((sum, { stage1Full }) => sum + Math.round(stage1Full.value * stage1Full.of), 0);
  const leaking = rows.filter(({ stage1Full }) => stage1Full.of > 0 && stage1Full.value < 1);
  const share = of === 0 ? undefined : toShare(caught, of);
  const names = leaking.map((row) => `${row.attack} as ${row.weights}: ${formatShare(row.stage1Full)}`).join('; ');
  return {
    aim: `stage 1: ${what} caught per full reply, 99.99 %`,
    measured: share === undefined ? 'not measured' : `${rows.length} attacks, ${formatShare(share)}`,
    outcome: share === undefined ? 'undecided' : judgeEscapes(share, rows),
    note:
      (names && [names, whatEscapes].filter(Boolean).join('. ')) ||
      `the interval is as wide as the sample is small${describeTail(rows)}`,
  };
}

/** If no reply escaped, a fit to the positions of the refutations may decide what the number of replies cannot. */
const judgeEscapes = (share: Share, rows: readonly AttackRow[]): AimOutcome =>
  share.value === 1 && limitEscapes(rows) <= 1e-4 ? 'met' : judgeShare(share, 0.9999);

/** Tokens of a full reply. */
const FULL = 128;
/** 99 %, one-sided. */
const TAIL_Z = 2.326;

const listPositions = (rows: readonly AttackRow[]): number[] => rows.flatMap(({ refutedAt = [] }) => refutedAt);

/** Upper limit of the share of full replies that escape, by the fit; 1 if there are too few replies for a fit. */
function limitEscapes(rows: readonly AttackRow[]): number {
  const positions = listPositions(rows);
  return hasTail(positions) ? computeTailSurvivalLimit(fitTail(positions), FULL - 1, TAIL_Z) : 1;
}

/** Describes the fit as an extrapolation: from the position of the first wrong draw to the share of replies without one. */
function describeTail(rows: readonly AttackRow[]): string {
  const positions = listPositions(rows);
  if (!hasTail(positions)) return '';
  const [likely, limit] = [computeTailSurvival(fitTail(positions), FULL - 1), limitEscapes(rows)];
  return (
    `. Of ${positions.length} that a draw refutes, the last was refuted at token ${Math.max(...positions)}. An extreme value fit of the latest quarter of them ` +
    `puts an escape from ${FULL} tokens at ${likely.toExponential(0)}, and at ${limit.toExponential(0)} at most (99 %)`
  );
}

function explainEscapes({ value, high, of }: Share): string {
  if (value >= 0.995) return '';
  const reason = 'a reply escapes where each of its draws falls as the true model has it, so one of few choices';
  return high >= 0.995 ? `${reason}; the aim lies within the interval of ${of} replies` : reason;
}
