import { type Breaks, type DaemonRole, NO_BREAKS } from './breaks.ts';

/** The result of one play of an attack, as the demo shows it. */
export interface AttackCourse {
  /** Actions of the attacker. */
  readonly tried: string;
  /** Answers and actions of the network, one per line. */
  readonly answered: readonly string[];
  /** Payments that result from the attack. */
  readonly money: string;
  /** True if the attacker reached its aim, or if the attack never took place and so shows nothing. */
  readonly worked: boolean;
}

export interface AttackNotes {
  /** Kebab-case and unique; also the name of the file. */
  readonly name: string;
  /** The first column of the attack's row in docs/threats.md. */
  readonly adversary: string;
  /** The attacker's gain, in a sentence. */
  readonly aim: string;
  /** The defence, in the words of docs/threats.md. */
  readonly stoppedBy: string;
  /** Daemons that a restart in the middle of the attack concerns, or the reason why there are none. */
  readonly restarts: readonly DaemonRole[] | { readonly none: string };
}

interface Stage<Given, Outcome> {
  /** Plays the attack with the restarts of this stage. */
  play(given: Given): Outcome;
  readonly breaks: Breaks;
  /** Closes a network when the course is over. */
  keep<Opened extends { close(): unknown }>(opened: Opened): Opened;
}

interface AttackDefinition<Given, Outcome> extends AttackNotes {
  /**
   * Plays the attack against the unchanged network and returns the outcome.
   * @param breaks are taken between the attacker's steps.
   */
  play(given: Given, breaks: Breaks): Outcome;
  /** Plays the attack on a small network in one process and decides whether it worked. Default for `money`: none. */
  stage(stage: Stage<Given, Outcome>): Promise<Omit<AttackCourse, 'money'> & Partial<AttackCourse>>;
}

/** One attack on the protocol around the answers, by an adversary that makes its own messages. */
export interface DefinedAttack<Given, Outcome> extends AttackNotes {
  /** @param breaks Default: no restarts. */
  play(given: Given, breaks?: Breaks): Outcome;
  stage(breaks?: Breaks): Promise<AttackCourse>;
}

export function defineAttack<Given = void, Outcome = unknown>({
  play,
  stage,
  ...notes
}: AttackDefinition<Given, Outcome>): DefinedAttack<Given, Outcome> {
  return {
    ...notes,
    play: (given, breaks = NO_BREAKS) => play(given, breaks),
    async stage(breaks = NO_BREAKS) {
      const opened: { close(): unknown }[] = [];
      try {
        const course = await stage({
          ...{ breaks, play: (given) => play(given, breaks) },
          keep(one) {
            opened.push(one);
            return one;
          },
        });
        return { money: 'none', ...course };
      } finally {
        for (const one of opened.reverse()) await one.close();
      }
    },
  };
}

/** Counts equal texts, the most frequent first. */
export function countTexts(texts: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const text of texts) counts.set(text, (counts.get(text) ?? 0) + 1);
  return [...counts].sort(([, a], [, b]) => b - a).map(([text, count]) => `${count} times: ${text}`);
}

interface Denial {
  readonly answers?: readonly string[];
  readonly refusals: readonly string[];
  readonly settled: number;
}

/**
 * Describes a validator's denials of deliveries or answers that witnesses contradict. The attack works if one entry settles.
 * @param asked the play in which the validator asked the witnesses. @param unasked the play without them.
 */
export const describeDenials = (tried: string, { asked, unasked }: Readonly<Record<'asked' | 'unasked', Denial>>) => ({
  tried,
  answered: [
    `witnesses answer: ${asked.answers?.join(', ')}`,
    ...countTexts([...unasked.refusals, ...asked.refusals]),
    `${unasked.settled + asked.settled} of them are on the chain`,
  ],
  worked: unasked.settled + asked.settled > 0,
});
