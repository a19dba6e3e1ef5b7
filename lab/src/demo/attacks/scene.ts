import type { Trust } from '@ogong/protocol/stage1/trust';
import type { ProtocolAttack } from '../../attackers/protocol/attack.ts';
import type { Breaks } from '../../attackers/protocol/breaks.ts';
import type { AttackedDoor } from '../../attackers/protocol/stranger-link.ts';

/** The demo's running network, as a stranger sees it. */
export interface LiveNetwork {
  readonly modelId: string;
  /** What a consumer of this network knows about it. */
  readonly trust: Trust;
  readonly router: AttackedDoor;
  /** Asks as a consumer does. @returns whether an answer with its receipt came. */
  ask(): Promise<boolean>;
  /** What all parties together may claim from the escrow. */
  creditAtomic(): Promise<bigint>;
  restartRouter(): Promise<void>;
}

export interface AttackCourse {
  /** What the attacker did. */
  readonly tried: string;
  /** What the network said and did, a line each. */
  readonly answered: readonly string[];
  /** What was paid, drawn or owed because of it. */
  readonly money: string;
  /** The attacker got what it aims at. */
  readonly worked: boolean;
}

/** The part of an attack that the list shows. */
export type AttackNotes = Pick<ProtocolAttack<never, unknown>, 'name' | 'aim' | 'adversary' | 'stoppedBy' | 'restarts'>;

/** An attack, with a network to play it on and what counts as success. */
export type StagedAttack = { readonly attack: AttackNotes } & (
  | { readonly on: 'a small network of its own'; play(breaks: Breaks): Promise<AttackCourse> }
  | { readonly on: "the demo's network"; play(breaks: Breaks, network: LiveNetwork): Promise<AttackCourse> }
);

/** How often each text occurs, the most frequent first. */
export function countTexts(texts: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  return [...counts].sort(([, a], [, b]) => b - a).map(([text, count]) => `${count} times: ${text}`);
}
