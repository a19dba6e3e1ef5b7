import type { ProtocolAttack } from '../../attackers/protocol/attack.ts';
import type { Breaks } from '../../attackers/protocol/breaks.ts';
import type { LiveNetwork } from './live/live-network.ts';

export interface AttackCourse {
  /** What the attacker did. */
  readonly tried: string;
  /** What the network said and did, a line each. */
  readonly answered: readonly string[];
  /** What was paid, drawn or owed because of it. */
  readonly money: string;
  /** The attacker got what it aims at, or the play showed nothing because the attack never took place. */
  readonly worked: boolean;
}

/** The part of an attack that the list shows. */
export type AttackNotes = Pick<ProtocolAttack<never, unknown>, 'name' | 'aim' | 'adversary' | 'stoppedBy' | 'restarts'>;

/** An attack, with a network to play it on and what counts as success. */
export interface StagedAttack {
  readonly attack: AttackNotes;
  /** Plays it on a small network of its own, in one process: its daemons can be restarted between any two steps. */
  play(breaks: Breaks): Promise<AttackCourse>;
}

/** Plays an attack on the demo's running network, against the same daemons, chain and doors as everybody uses. */
export type LivePlay = (network: LiveNetwork) => Promise<AttackCourse>;

/** How often each text occurs, the most frequent first. */
export function countTexts(texts: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  return [...counts].sort(([, a], [, b]) => b - a).map(([text, count]) => `${count} times: ${text}`);
}
