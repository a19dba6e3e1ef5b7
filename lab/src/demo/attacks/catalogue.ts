import { auditScenes } from './audit-scenes.ts';
import { beaconScenes } from './beacon-scenes.ts';
import { consumerScenes } from './consumer-scenes.ts';
import { doorScenes } from './door-scenes.ts';
import { ledgerScenes } from './ledger-scenes.ts';
import { LIVE_PLAYS } from './live/live-plays.ts';
import { payerScenes } from './payer-scenes.ts';
import type { AttackCourse, StagedAttack } from './scene.ts';
import { sealingScenes } from './sealing-scenes.ts';
import { validatorScenes } from './validator-scenes.ts';

/** Every attack on the protocol that the demo can play. */
export const SCENES: readonly StagedAttack[] = [
  ...ledgerScenes,
  ...validatorScenes,
  ...beaconScenes,
  ...auditScenes,
  ...consumerScenes,
  ...doorScenes,
  ...sealingScenes,
  ...payerScenes,
];

export const findScene = (name: string): StagedAttack | undefined => SCENES.find(({ attack }) => attack.name === name);

/** One attack as `--json` writes it. */
export interface AttackSummary {
  readonly name: string;
  readonly adversary: string;
  readonly goal: string;
  readonly stoppedBy: string;
  /** Which network it is played on. */
  readonly on: "the demo's network" | 'a small network of its own';
}

/** @throws Error if the attack does not say who plays it, or what stops it. */
export function summarizeAttack({ attack }: StagedAttack): AttackSummary {
  const { name, aim: goal, adversary, stoppedBy } = attack;
  if (adversary === undefined || stoppedBy === undefined) throw new Error(`${name}: no adversary, or nothing stops it`);
  const on = LIVE_PLAYS.has(name) ? "the demo's network" : 'a small network of its own';
  return { name, adversary, goal, stoppedBy, on };
}

/** One line for each attack. */
export function formatAttackList(attacks: readonly AttackSummary[]): string {
  return attacks
    .map(
      ({ name, adversary, goal, stoppedBy, on }) =>
        `${name}: ${adversary} | ${goal} | stopped by: ${stoppedBy} | played on ${on}`,
    )
    .join('\n');
}

export function formatPlayed(played: AttackSummary & AttackCourse): string {
  const { name, adversary, goal, stoppedBy, on, tried, answered, money, worked } = played;
  return [
    `adversary   ${adversary}`,
    `goal        ${goal}`,
    `stopped by  ${stoppedBy}`,
    `played on   ${on}`,
    '',
    `tried       ${tried}`,
    ...answered.map((line, i) => `${i === 0 ? 'answered    ' : '            '}${line}`),
    `money       ${money}`,
    '',
    worked ? `${name} WORKED` : `${name} failed, as it should`,
  ].join('\n');
}
