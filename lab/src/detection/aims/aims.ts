import type { EqualityRun } from '../../equality/run-file.ts';
import type { AimRow, AttackRow, DetectionResults } from '../results.ts';
import { judgeClaims } from './judge-claims.ts';
import { judgeDecision } from './judge-decision.ts';
import { judgeEjection } from './judge-ejection.ts';
import { judgeEquality, judgeHonestEquality } from './judge-equality.ts';
import { judgeMassage } from './judge-massage.ts';
import { judgeExactNames, judgeNames } from './judge-names.ts';
import { judgeHonestDraws, judgeStage1 } from './judge-stage1.ts';
import { judgeTells } from './judge-tells.ts';
import { judgeF16, judgeF16Elsewhere } from './judge-weights.ts';

type Measured = Omit<DetectionResults, 'verifiers' | 'elapsedS' | 'aims' | 'notCaught'>;

/** Replaces the conversations by newer results of `npm run equality`, and computes the outcomes of the aims again. */
export function withConversations(results: DetectionResults, conversations: readonly EqualityRun[]): DetectionResults {
  const all = { ...results, conversations };
  return { ...all, aims: judgeAims(all) };
}

/** Computes the outcomes of the project's aims. A number that was not measured is a miss. */
export function judgeAims(results: Measured): AimRow[] {
  const findInQ8 = (attack: string): AttackRow | undefined =>
    results.attacks.find((row) => row.attack === attack && row.weights === 'q8_0');
  return [
    judgeHonestDraws(results),
    ...judgeStage1(results),
    judgeHonestEquality(results, 'cpu', 'CPU'),
    judgeHonestEquality(results, 'vulkan', 'Vulkan'),
    judgeEquality(results, 'CPU', ({ equality }) => equality),
    judgeEquality(results, 'Vulkan', ({ vulkan }) => vulkan),
    judgeF16(results),
    judgeF16Elsewhere(results),
    judgeDecision('inexact Q8_0: noise of 1e-3 decided at 1e-6', findInQ8('weights-noise-1e-3'), 1000),
    judgeDecision('inexact Q8_0: KV cache q8_0 decided at 1e-6', findInQ8('kv-q8-0'), 2500),
    ...judgeMassage(results),
    judgeNames('the verdict names the kind of cheat in 95 % of rejects', results.attacks),
    judgeExactNames('the verdict names the very attack in 95 % of rejects', results.attacks),
    judgeNames('the same between the other pairs of classes: the kind named in 95 % of rejects', results.otherPairs),
    ...judgeEjection(results),
    ...judgeClaims(results),
    judgeTells(results),
  ];
}
