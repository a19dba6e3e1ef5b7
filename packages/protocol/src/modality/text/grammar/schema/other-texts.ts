import { type CodePointRange, invertRanges, normaliseRanges } from '../expression.ts';
import type { WorkBudget } from '../work-budget.ts';
import { firstCharacter, quote, quoteClass } from './literals.ts';
import { refuse } from './schema-shape.ts';

/**
 * The most different beginnings of the names of an open object. Each makes a rule, and a grammar has no room for more.
 */
const MAX_BEGINNINGS = 4096;
/** Steps to write the class of the characters that continue no name. */
const STEPS_OF_BEGINNING = 64;
/**
 * Characters of keys that no schema names. They are written without escapes, because an escape could spell a forbidden name.
 */
const NO_KEY_CHARACTERS: readonly CodePointRange[] = [
  [0, 0x1f],
  [0x22, 0x22],
  [0x5c, 0x5c],
  [0x7f, 0x7f],
];

interface Options {
  /** Rule of one character. */
  readonly plain: string;
  readonly work: Pick<WorkBudget, 'charge'>;
  readonly where: string;
  /** @returns the name of the added rule. */
  addRule(text: string): string;
}

/** A beginning of names, with those that are one character longer. */
interface Beginning {
  isName: boolean;
  readonly next: Map<string, Beginning>;
}

/** Adds rules of all texts other than the names: one for each beginning, the longer ones first. @returns the first name. */
export function addOtherTexts(names: readonly string[], { plain, work, where, addRule }: Options): string {
  const addBeginning = ({ isName, next }: Beginning, rules: ReadonlyMap<string, string>): string => {
    work.charge(STEPS_OF_BEGINNING + next.size);
    const taken = [...next.keys()].map((character): CodePointRange => {
      const codePoint = character.codePointAt(0) as number;
      return [codePoint, codePoint];
    });
    const left = invertRanges(normaliseRanges([...NO_KEY_CHARACTERS, ...taken]));
    const options = [...rules].map(([character, rule]) => `${quote(character)} ${rule}`);
    return addRule([`${quoteClass(left)} ${plain}*`, ...options, ...(isName ? [] : ['""'])].join(' | '));
  };
  // Depth first without recursion, because a name may be long.
  const path = [enter('', collectBeginnings(names, work, where))];
  for (;;) {
    const top = path.at(-1) as Entered;
    const step = top.open.next();
    if (step.done !== true) {
      path.push(enter(...step.value));
      continue;
    }
    path.pop();
    const rule = addBeginning(top.beginning, top.rules);
    const above = path.at(-1);
    if (above === undefined) return rule;
    above.rules.set(top.character, rule);
  }
}

interface Entered {
  readonly character: string;
  readonly beginning: Beginning;
  readonly open: Iterator<[string, Beginning]>;
  /** Rules of the longer beginnings, by their next character. */
  readonly rules: Map<string, string>;
}

const enter = (character: string, beginning: Beginning): Entered => ({
  character,
  beginning,
  open: beginning.next.entries(),
  rules: new Map(),
});

function collectBeginnings(names: readonly string[], work: Pick<WorkBudget, 'charge'>, where: string): Beginning {
  const root: Beginning = { isName: false, next: new Map() };
  let made = 1;
  for (const name of names) {
    work.charge(1);
    let beginning = root;
    for (let at = 0; at < name.length; ) {
      work.charge(1);
      const character = firstCharacter(name.slice(at, at + 2));
      let next = beginning.next.get(character);
      if (next === undefined) {
        if (++made > MAX_BEGINNINGS)
          throw refuse(
            where,
            'additionalProperties',
            `stands beside names with more than ${MAX_BEGINNINGS} beginnings; set it to false`,
          );
        next = { isName: false, next: new Map() };
        beginning.next.set(character, next);
      }
      beginning = next;
      at += character.length;
    }
    beginning.isName = true;
  }
  return root;
}
