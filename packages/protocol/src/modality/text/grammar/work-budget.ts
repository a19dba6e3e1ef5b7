import { GrammarError } from './grammar-error.ts';

/**
 * Work on one grammar, in steps. A step handles one character, name or part. Each algorithm charges its steps before it takes
 * them, so every reader refuses the same input.
 */
export interface WorkBudget {
  readonly limit: number;
  /** Charged steps, at most `limit`. A refused charge takes the rest. */
  readonly spent: number;
  /** @throws GrammarError('too-costly') if all steps together would exceed the limit. */
  charge(steps: number): void;
}

/** The most steps to convert the schemas of one grammar. */
const MAX_SCHEMA_WORK = 2 ** 21;
/** The most steps to parse and compile one grammar. */
const MAX_COMPILE_WORK = 2 ** 20;

/** @param subject the refused thing, for the message. */
export function createWorkBudget(subject: string, limit: number): WorkBudget {
  let spent = 0;
  return {
    limit,
    get spent() {
      return spent;
    },
    charge(steps) {
      const isCovered = spent + steps <= limit;
      spent = isCovered ? spent + steps : limit;
      if (!isCovered) throw new GrammarError('too-costly', `${subject} needs more than ${limit} steps of work`);
    },
  };
}

export const createSchemaBudget = (): WorkBudget => createWorkBudget('the schema', MAX_SCHEMA_WORK);
export const createCompileBudget = (): WorkBudget => createWorkBudget('the grammar', MAX_COMPILE_WORK);
