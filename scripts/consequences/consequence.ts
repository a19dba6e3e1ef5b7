/** An absence, failure or refusal that moves money, stake, weight, reputation, draws or a statistical test. */
export interface Consequence {
  /** The event, in one sentence. */
  readonly cause: string;
  /** The parties that can bring it about. */
  readonly control: string;
  /** Its cost for the party that causes it. */
  readonly cost: string;
  /** Its effect on the others. */
  readonly effect: string;
  /** The reason that nobody hurts another for less than it pays, in Markdown. It begins with OPEN where there is none. */
  readonly bound: string;
  /** Places in the code, as `path#symbol`. The symbol is a text of that file. */
  readonly places: readonly string[];
}

export interface ConsequenceGroup {
  readonly title: string;
  readonly rows: readonly Consequence[];
}

/** Begins the bound of a row in which a party can hurt another for less than it pays. */
export const OPEN = '**Open**:';
