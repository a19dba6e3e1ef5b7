import { createSeededRandom } from '@ogong/protocol/base/seeded-random';
import { createFindings, type EconomicModel, round } from '../finding.ts';

interface Game {
  readonly fee: number;
  readonly saved: number;
  readonly franchise: number;
  readonly coverage: number;
  readonly soundness: number;
  readonly falsePositive: number;
  readonly bond: number;
}

/** Computes a provider's average payoff from the four outcomes, without the proposition's closed form. */
export function playOnce(
  { fee, saved, franchise, coverage, soundness, falsePositive, bond }: Game,
  cheats: boolean,
): number {
  const cost = cheats ? fee / 2 - saved : fee / 2;
  const caught = coverage * (cheats ? soundness : falsePositive);
  return caught * (-cost - bond) + (1 - caught) * (fee - cost + franchise);
}

/** The best total of n replies where the k-th reject ejects: every policy, by backward induction. */
export function planReplies(
  game: Game,
  replies: number,
  strikes: number,
): { readonly cheats: number; readonly total: number } {
  // best[r][k]: the best future payoff with r replies and k strikes left.
  const best: number[][] = [Array<number>(strikes + 1).fill(0)];
  let cheats = 0;
  for (let r = 1; r <= replies; r++) {
    const row: number[] = [0];
    for (let k = 1; k <= strikes; k++) {
      const value = (isCheat: boolean): number => {
        const caught = game.coverage * (isCheat ? game.soundness : game.falsePositive);
        const cost = isCheat ? game.fee / 2 - game.saved : game.fee / 2;
        const next = best[r - 1] as number[];
        return -cost + (1 - caught) * (game.fee + (next[k] as number)) + caught * (next[k - 1] as number);
      };
      const [honest, cheat] = [value(false), value(true)];
      if (k === strikes && cheat > honest + 1e-12) cheats++;
      row.push(Math.max(honest, cheat));
    }
    best.push(row);
  }
  return { cheats, total: (best[replies] as number[])[strikes] as number };
}

export function runDeterrence(): EconomicModel {
  const { list, say } = createFindings();
  const random = createSeededRandom(1);
  let wrong = 0;
  let honest = 0;
  for (let i = 0; i < 300; i++) {
    const fee = 0.5 + random();
    const game: Game = {
      ...{ fee, saved: fee * 0.5 * random(), franchise: 3 * random(), coverage: random() },
      ...{ soundness: 0.5 + random() / 2, falsePositive: 0.1 * random(), bond: i % 2 === 0 ? 0 : 2 * random() },
    };
    const q = game.coverage * (game.soundness - game.falsePositive);
    const predicted = q >= game.saved / (game.fee + game.franchise + game.bond);
    const played = playOnce(game, false) >= playOnce(game, true);
    if (played !== predicted) wrong++;
    if (played) honest++;
  }
  say(
    'In 300 random games the better answer is honesty exactly where q >= saved / (fee + franchise + bond)',
    wrong === 0 && honest > 0 && honest < 300,
    `${honest} honest, ${300 - honest} cheat, ${wrong} otherwise than predicted`,
  );
  const game = { fee: 1, saved: 0.4, franchise: 0, soundness: 0.9, falsePositive: 0.02, bond: 0 };
  const boundary = 0.4 / 0.88;
  const below = planReplies({ ...game, coverage: 0.45 }, 20, 21);
  const above = planReplies({ ...game, coverage: 0.455 }, 20, 21);
  say(
    'Without ejection the best of all plans over 20 replies turns from all cheats to all honest at the boundary',
    below.cheats === 20 && above.cheats === 0,
    `boundary ${round(boundary, 4)}; ${below.cheats} cheats at 0.45, ${above.cheats} at 0.455`,
  );
  const broken = planReplies({ ...game, coverage: 0.455, soundness: 0.8 }, 20, 21);
  say(
    'A weaker check at the same coverage turns the plan back',
    broken.cheats === 20,
    `soundness 0.8: ${broken.cheats} cheats`,
  );
  // Corollary 2: a shard that runs a part w of the layers saves and loses that part, against the whole franchise.
  let weaker = 0;
  for (let i = 0; i < 300; i++) {
    const [fee, franchise, q, w] = [0.5 + random(), 2 * random(), random(), random()];
    const saved = q * (fee + franchise) * random();
    if (q * (w * fee + franchise) < w * saved) weaker++;
  }
  say('A shard is deterred wherever the whole model is', weaker === 0, `${weaker} of 300 random shards are not`);
  const points = Array.from({ length: 51 }, (_, i) => i / 50).flatMap((coverage) =>
    ([0, 1, 4] as const).map((franchise) => ({
      x: coverage,
      y: playOnce({ ...game, coverage, franchise }, false) - playOnce({ ...game, coverage, franchise }, true),
      curve: `franchise of ${franchise} fees`,
    })),
  );
  return {
    id: 'deterrence',
    title: 'The game of one request',
    summary:
      'A provider serves honestly or with a cheaper model. If it is caught, it loses the fee and the value of its good name.',
    findings: list,
    curves: {
      ...{
        name: 'deterrence',
        title: 'The value of honesty, by coverage',
        xTitle: 'audited part',
        yTitle: 'honest less cheat, fees',
      },
      caption: 'A cheat saves 0.4 of the fee; soundness 0.9, false positives 0.02. Above zero honesty pays.',
      points,
    },
  };
}
