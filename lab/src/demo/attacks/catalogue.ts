import { readdirSync } from 'node:fs';
import type { AttackCourse, DefinedAttack } from '../../attackers/protocol/define-attack.ts';
import { LIVE_PLAYS } from './live/live-plays.ts';

type AnyAttack = DefinedAttack<never, unknown>;

const folder = new URL('../../attackers/protocol/', import.meta.url);
const isAttack = (one: unknown): one is AnyAttack => one instanceof Object && 'aim' in one && 'stage' in one;

/** Returns the files that define attacks, sorted. */
export const listFiles = (): readonly string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.includes('/') && /(?<!\.test)\.ts$/.test(file))
    .sort();

const modules: readonly object[] = await Promise.all(listFiles().map((file) => import(new URL(file, folder).href)));

/** Every attack on the protocol that the demo can play. */
export const ATTACKS: readonly AnyAttack[] = modules.flatMap((one) => Object.values(one).filter(isAttack));

export const findAttack = (name: string): AnyAttack | undefined => ATTACKS.find((attack) => attack.name === name);

/** One attack as `--json` writes it. */
export interface AttackSummary {
  readonly name: string;
  readonly adversary: string;
  readonly goal: string;
  readonly stoppedBy: string;
  /** The network of the play. */
  readonly on: "the demo's network" | 'a small network of its own';
}

export function summarizeAttack({ name, aim: goal, adversary, stoppedBy }: AnyAttack): AttackSummary {
  const on = LIVE_PLAYS.has(name) ? "the demo's network" : 'a small network of its own';
  return { name, adversary, goal, stoppedBy, on };
}

export const listAttacks = (): readonly AttackSummary[] => ATTACKS.map(summarizeAttack);

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
