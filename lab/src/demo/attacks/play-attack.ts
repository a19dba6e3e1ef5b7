import { writeFileSync } from 'node:fs';
import type { Mesh } from '@ogong/devnet/mesh/mesh';
import { NO_BREAKS } from '../../attackers/protocol/breaks.ts';
import { type AttackSummary, SCENES, summarizeAttack } from './catalogue.ts';
import { openLiveNetwork, type SoldModel } from './live/live-network.ts';
import { LIVE_PLAYS } from './live/live-plays.ts';
import type { AttackCourse, StagedAttack } from './scene.ts';

export type AttackReport = AttackSummary & AttackCourse;

/** @param bringUp starts the demo's network; called if the attack is played there. */
export async function playAttack(
  scene: StagedAttack,
  bringUp: () => Promise<{ readonly mesh: Mesh; readonly model: SoldModel }>,
): Promise<AttackReport> {
  const summary = summarizeAttack(scene);
  const playLive = LIVE_PLAYS.get(summary.name);
  if (playLive === undefined) return { ...summary, ...(await scene.play(NO_BREAKS)) };
  const { mesh, model } = await bringUp();
  const network = await openLiveNetwork(mesh, model);
  try {
    return { ...summary, ...(await playLive(network)) };
  } finally {
    await network.close();
  }
}

/** What `--json` writes: the list, or what came of one attack. */
export function writeAttackJson(path: string, content: readonly AttackSummary[] | AttackReport): void {
  writeFileSync(path, `${JSON.stringify(content, null, 2)}\n`);
}

export const listAttacks = (): readonly AttackSummary[] => SCENES.map(summarizeAttack);
