import type { AimRow, AttackRow, DetectionResults, Share } from './results.ts';

type Measured = Omit<DetectionResults, 'aims' | 'notCaught'>;

/** What the project set out to reach, against what was measured. A number that was not measured is a miss. */
export function judgeAims(results: Measured): Pick<DetectionResults, 'aims' | 'notCaught'> {
  const find = (attack: string, weights: string): AttackRow | undefined =>
    results.attacks.find((row) => row.attack === attack && row.weights === weights);
  const aims: AimRow[] = [
    judgeHonestDraws(results),
    ...judgeStage1(results),
    judgeHonestEquality(results, 'cpu', 'CPU'),
    judgeHonestEquality(results, 'vulkan', 'Vulkan'),
    judgeEquality(results),
    ...judgeF16(results),
    judgeDecision('inexact Q8_0: noise of 1e-3 decided at 1e-6', find('weights-noise-1e-3', 'q8_0'), 1000),
    judgeDecision('inexact Q8_0: KV cache q8_0 decided at 1e-6', find('kv-q8-0', 'q8_0'), 2500),
    judgeDecision(
      'massaged draws, Q8_0 into F16, by one who knows the limits, decided at 1e-6',
      find('massaged-knowing-q8-0', 'f16'),
      200,
      'evidence comes from ranks: no reply of 32 tokens can weigh more than the held-out sample allows. A larger sample is the next idea',
    ),
    judgeDecision(
      'massaged draws, noise of 1e-3, by one who knows the limits, decided at 1e-6',
      find('massaged-knowing-noise-1e-3', 'f16'),
      2500,
      'only draws speak, 1 in 100 differs, and replies are cut to 32 tokens here; whole replies of many draws are the next idea',
    ),
    judgeNames(results),
    judgeEjection(results),
  ];
  return { aims, notCaught: listNotCaught(results) };
}

export const formatShare = ({ value, low, high, of }: Share): string =>
  `${percent(value)} (${percent(low)} to ${percent(high)}, n ${of})`;

const percent = (value: number): string => `${Number((100 * value).toPrecision(4))} %`;

function judgeHonestDraws({ stage1 }: Measured): AimRow {
  const tokens = stage1.reduce((sum, row) => sum + row.tokens, 0);
  const mismatches = stage1.reduce((sum, row) => sum + row.mismatches, 0);
  return {
    aim: 'stage 1: no honest mismatch in 1e6 tokens, every class, batch and sampler',
    measured: `${mismatches} replies of ${stage1.reduce((sum, row) => sum + row.replies, 0)}, ${tokens} tokens`,
    met: mismatches === 0 && tokens >= 1e6,
    note: tokens < 1e6 ? `this profile samples ${tokens} tokens only` : '',
  };
}

function judgeStage1({ attacks }: Measured): AimRow[] {
  const coarse = attacks.filter(
    ({ attack }) => /^prefill-/.test(attack) && !/q8-0|noise|fine-tune-1e-3|adapter/.test(attack),
  );
  const worst = coarse.reduce<AttackRow | undefined>(
    (least, row) => (least === undefined || row.stage1Full.value < least.stage1Full.value ? row : least),
    undefined,
  );
  const fine = attacks.find(({ attack, weights }) => attack === 'prefill-q8-0' && weights === 'f16');
  return [
    {
      aim: 'stage 1: every pre-fill from Q5 or coarser caught per full reply, 99.99 %',
      measured: worst ? `worst ${worst.attack} as ${worst.weights}: ${formatShare(worst.stage1Full)}` : 'not measured',
      met: worst !== undefined && worst.stage1Full.value >= 0.9999,
      note: worst ? 'the interval is as wide as the sample is small' : 'no sample',
    },
    {
      aim: 'stage 1: pre-fill from Q8_0 into F16 caught per full reply, 99.5 %',
      measured: fine ? formatShare(fine.stage1Full) : 'not measured',
      met: fine !== undefined && fine.stage1Full.value >= 0.995,
      note: fine ? '' : 'no sample',
    },
  ];
}

function judgeHonestEquality({ equality }: Measured, backend: 'cpu' | 'vulkan', name: string): AimRow {
  const rows = equality.filter((row) => row.backend === backend);
  const tokens = rows.reduce((sum, row) => sum + row.tokens, 0);
  const differing = rows.reduce((sum, row) => sum + row.differing, 0);
  return {
    aim: `exact classes, ${name}: honest distance 0 on 1e5 tokens`,
    measured: `${differing} replies differ, ${tokens} tokens`,
    met: differing === 0 && tokens >= 1e5,
    note:
      tokens >= 1e5
        ? ''
        : `this profile compares ${tokens} tokens only${backend === 'vulkan' ? ': a software device serves a few tokens a second' : ''}`,
  };
}

function judgeEquality({ attacks }: Measured): AimRow {
  // A window that is not full forgets nothing: until then its provider computes what was sold.
  const rows = attacks.filter(
    ({ attack, family, equality }) =>
      family === 'weights' && equality !== undefined && !attack.startsWith('sliding-window'),
  );
  const late = rows.filter(({ equality }) => equality!.differ.value < 1 || equality!.lastToken >= 4);
  return {
    aim: 'exact classes: every weight and KV cheat differs within 4 tokens',
    measured: `${rows.length - late.length} of ${rows.length} attacks do`,
    met: rows.length > 0 && late.length === 0,
    note: late
      .map(({ attack, weights, equality }) => `${attack} as ${weights}: at the latest at ${equality!.lastToken}`)
      .join('; '),
  };
}

function judgeF16({ attacks }: Measured): AimRow[] {
  const rows = attacks.filter(({ family, weights }) => family === 'weights' && weights === 'f16');
  const rateOf = (row: AttackRow): Share | undefined =>
    row.perWindow.find((each) => each.falseRejectRate === 1e-4)?.caught;
  const missed = rows.filter((row) => !((rateOf(row)?.value ?? 0) >= 0.999));
  return [
    {
      aim: 'other classes, F16: every weight cheat caught per 32 tokens, 99.9 % at 1e-4',
      measured: `${rows.length - missed.length} of ${rows.length} attacks are`,
      met: rows.length > 0 && missed.length === 0,
      note: missed.map((row) => `${row.attack}: ${rateOf(row) ? formatShare(rateOf(row)!) : 'no sample'}`).join('; '),
    },
  ];
}

function judgeDecision(aim: string, row: AttackRow | undefined, limit: number, reason = ''): AimRow {
  const tokens = row?.tokensToDecide?.median;
  const met = tokens !== undefined && tokens <= limit;
  return {
    aim: `${aim} within ${limit} tokens`,
    measured: tokens === undefined ? (row ? 'not decided' : 'not measured') : `${Math.round(tokens)} tokens, median`,
    met,
    note: met ? '' : reason,
  };
}

function judgeNames({ attacks }: Measured): AimRow {
  const rows = attacks.filter(({ named }) => named !== undefined);
  const rejects = rows.reduce((sum, { named }) => sum + named!.of, 0);
  const right = rows.reduce((sum, { named }) => sum + Math.round(named!.value * named!.of), 0);
  return {
    aim: 'the verdict names the kind of cheat in 95 % of rejects',
    measured: rejects === 0 ? 'not measured' : `${percent(right / rejects)} of ${rejects} rejects`,
    met: rejects > 0 && right >= 0.95 * rejects,
    note: rejects > 0 && right < 0.95 * rejects ? listConfusions(rows) : '',
  };
}

/** The attacks that lose most. */
function listConfusions(rows: readonly AttackRow[]): string {
  const wrong = rows
    .map(({ attack, weights, named }) => ({ attack, weights, count: Math.round((1 - named!.value) * named!.of) }))
    .sort((a, b) => b.count - a.count)
    .slice(0, 5);
  return `most often misnamed: ${wrong.map(({ attack, weights, count }) => `${attack} as ${weights} (${count})`).join(', ')}`;
}

function judgeEjection({ ejection }: Measured): AimRow {
  const rows = ejection.filter(({ test }) => test.includes('calibrated'));
  const replies = rows.reduce((sum, row) => sum + row.replies, 0);
  return {
    aim: 'no honest provider ejected: at most beta over 1e6 replies with their measured correlation',
    measured:
      rows.map(({ test, ejected, beta }) => `${test}: ${formatShare(ejected)}, beta ${beta}`).join('; ') ||
      'not measured',
    met: rows.length > 0 && replies >= 1e6 && rows.every(({ ejected, beta }) => ejected.value <= beta),
    note: replies < 1e6 ? `this profile simulates ${replies} replies only` : '',
  };
}

/** What passes: sold as something, checked by a class that is not the provider's. */
function listNotCaught({ attacks }: Measured): string[] {
  return attacks
    .filter((row) => row.stage1.value < 0.5 && !(row.equality && row.equality.differ.value > 0.5))
    .filter((row) => !((row.perReply[0]?.caught.value ?? 0) > 0.5))
    .filter(({ caughtBy, replies }) => (caughtBy.nothing ?? 0) > replies / 2)
    .map(({ attack, weights, aim }) => `${attack}, sold as ${weights}: ${aim}.`);
}
