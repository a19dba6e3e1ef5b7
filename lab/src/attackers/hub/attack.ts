import type { HubScene } from './scene.ts';

/** Result of one play of an attack on the hub. */
export interface HubCourse {
  /** Codes and messages of the honest side. */
  readonly reports: readonly string[];
  /** Whether the attacker has reached its aim. */
  readonly isHarmed: boolean;
}

/** An attack on the hub: one file each. */
export interface HubAttack {
  /** Kebab-case, unique; also the name of the file. */
  readonly name: string;
  /** The first column of the row of docs/threats.md. */
  readonly adversary: string;
  /** The attacker's gain, in a sentence. */
  readonly aim: string;
  /** The defence, in the words of docs/threats.md. */
  readonly stoppedBy: string;
  /** A part of the report that catches it. Undefined: nothing does, and the row says what is left. */
  readonly caughtBy: string | undefined;
  play(scene: HubScene): Promise<HubCourse>;
}
