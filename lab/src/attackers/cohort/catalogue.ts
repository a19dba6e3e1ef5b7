import type { CohortAttack } from './attack.ts';
import { framesReceiver, wrongLabel, wrongTokens } from './framing.ts';
import { blameNeighbour, leaderHides, silentShard, twoRoots, unsignedRows, wrongManifest } from './wrong-claims.ts';
import { dropLayer, lessPrecision, staleBoundary, swapSegment } from './wrong-rows.ts';

/** All attackers that are members of a cohort. */
export const COHORT_ATTACKS: readonly CohortAttack[] = [
  ...[swapSegment, dropLayer, staleBoundary, lessPrecision],
  ...[blameNeighbour, unsignedRows, twoRoots, silentShard],
  ...[leaderHides, wrongManifest],
  ...[wrongTokens, framesReceiver, wrongLabel],
];
