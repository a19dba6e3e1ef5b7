import { writeFileSync } from 'node:fs';
import type { Mesh } from '@ogong/devnet/mesh/mesh';
import type { AttackCourse, DefinedAttack } from '../../attackers/protocol/define-attack.ts';
import { type AttackSummary, summarizeAttack } from './catalogue.ts';
import { openLiveNetwork, type SoldModel } from './live/live-network.ts';
import { LIVE_PLAYS } from './live/live-plays.ts';

export type AttackReport = AttackSummary & AttackCourse;

/** @param bringUp starts the demo's network; called if the attack is played there. */
export async function playAttack(
  attack: DefinedAttack<never, unknown>,
  bringUp: () => Promise<{ readonly mesh: Mesh; readonly model: SoldModel }>,
): Promise<AttackReport> {
  const summary = summarizeAttack(attack);
  const playLive = LIVE_PLAYS.get(summary.name);
  if (playLive === undefined) return { ...summary, ...(await attack.stage()) };
  const { mesh, model } = await bringUp();
  const network = await openLiveNetwork(mesh, model);
  try {
    return { ...summary, ...(await playLive(network)) };
  } finally {
    await network.close();
  }
}

/** Writes the file of `--json`: the list, or the course of one attack. */
export function writeAttackJson(path: string, content: readonly AttackSummary[] | AttackReport): void {
  writeFileSync(path, `${JSON.stringify(content, null, 2)}\n`);
}
