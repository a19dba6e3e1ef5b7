import { ATTACKS } from '../../attackers/catalogue.ts';
import type { AimOutcome, AttackRow, DetectionResults, Share } from '../results.ts';
import { shareOf, toShare } from '../share.ts';
import { computeRefuted, isDecided, outcomeOf } from '../standing.ts';

/**
 * `first`: a check without a model refutes every reply, so the first reply decides. `inClass`: a verifier of the provider's
 * exact class does so. `several`: some replies are refuted, or evidence adds up over replies. `open`: nothing in this run decides.
 */
export type AttackFinding = 'first' | 'inClass' | 'several' | 'open';

/** Share of refuted replies that counts as every reply: 1 in 100 may contain nothing that refutes it. */
const EVERY_REPLY = 0.99;

export function findingOf(row: AttackRow): AttackFinding {
  const { differ } = row.equality ?? {};
  const differs = differ !== undefined && differ.of > 0 && differ.value >= EVERY_REPLY;
  if (computeRefuted(row) >= EVERY_REPLY) return 'first';
  if (differs) return 'inClass';
  return isDecided(row) ? 'several' : 'open';
}

const HARDNESS: readonly AttackFinding[] = ['first', 'inClass', 'several', 'open'];

/** Names of attacks by finding. An attack that is sold as several weight types counts with its worst finding. */
export function groupByFinding(attacks: readonly AttackRow[]): Readonly<Record<AttackFinding, readonly string[]>> {
  const worst = new Map<string, AttackFinding>();
  for (const row of attacks) {
    const [known, now] = [worst.get(row.attack) ?? 'first', findingOf(row)];
    worst.set(row.attack, HARDNESS.indexOf(now) > HARDNESS.indexOf(known) ? now : known);
  }
  const namesOf = (finding: AttackFinding): string[] =>
    [...worst].filter(([, is]) => is === finding).map(([name]) => name);
  return { first: namesOf('first'), inClass: namesOf('inClass'), several: namesOf('several'), open: namesOf('open') };
}

/** The known reason why no validator rejects an attack; undefined if a check should see it. */
export function reasonOf({ notCaught }: Pick<DetectionResults, 'notCaught'>, name: string): string | undefined {
  const { uncaught } = ATTACKS.find((attack) => attack.name === name) ?? {};
  return (
    notCaught.find(({ attack }) => attack === name)?.why ?? (uncaught === undefined ? undefined : `passes ${uncaught}`)
  );
}

/** Honest replies that a check without an error rate refuted: stage 1, and equality in an exact class. */
export function countHonestRejects({ stage1, equality }: Pick<DetectionResults, 'stage1' | 'equality'>) {
  const sum = <T>(rows: readonly T[], count: (row: T) => number): number =>
    rows.reduce((all, row) => all + count(row), 0);
  const replies = sum(stage1, (row) => row.replies);
  const refuted = sum(stage1, ({ mismatches }) => mismatches);
  const stage1Share: Share = replies === 0 ? shareOf([], () => false) : toShare(refuted, replies);
  return {
    stage1: stage1Share,
    refuted,
    rerunTokens: sum(equality, ({ tokens }) => tokens),
    differing: sum(equality, ({ differing }) => differing),
  };
}

export function countOutcomes({ aims }: Pick<DetectionResults, 'aims'>): Readonly<Record<AimOutcome, number>> {
  const count = (outcome: AimOutcome): number => aims.filter((aim) => outcomeOf(aim) === outcome).length;
  return { met: count('met'), missed: count('missed'), undecided: count('undecided') };
}
