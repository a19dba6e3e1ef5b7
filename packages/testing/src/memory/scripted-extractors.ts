import type { MemoryScript, ScriptedQuestion, ScriptedTurn } from './scripted-models.ts';

const WHEN =
  /\b(?:yesterday|tomorrow|last (?:night|week|month|year|\w+day)|next (?:week|month|year)|\w+ (?:day|week|month|year)s? ago)\b/i;
const PRESENT: Readonly<Record<string, string>> = {
  ...{ live: 'lives', work: 'works', like: 'likes', love: 'loves', prefer: 'prefers', play: 'plays', study: 'studies' },
  ...{ have: 'has', own: 'owns', speak: 'speaks', drive: 'drives', teach: 'teaches', run: 'runs', eat: 'eats' },
};
const PAST = /^(?:moved|went|bought|started|got|met|visited|finished|adopted|broke|sold|joined|quit)\b/i;
const CATEGORIES: readonly (readonly [RegExp, string])[] = [
  [/\b(?:work|job|engineer|teacher|nurse|company)/i, 'career'],
  [/\b(?:sister|brother|wife|husband|friend|daughter|son|dog|cat)\b/i, 'relationships'],
  [/\b(?:allerg|asthma|doctor|sick)/i, 'health'],
  [/\b(?:trip|flight|visited|travel|moved)/i, 'travel'],
  [/\b(?:like|love|play|prefer|tea|coffee)/i, 'interests'],
];

interface Fact {
  readonly n: number;
  readonly text: string;
  readonly sentence: string;
}

/** Turns `I live in Porto.` into `The user lives in Porto.`; undefined for a sentence that states no fact of its speaker. */
function toThirdPerson(sentence: string): string | undefined {
  const plain = sentence.trim().replace(/[.!]+$/, '');
  if (plain.endsWith('?')) return undefined;
  const mine = (text: string): string => text.replace(/\bmy\b/gi, 'their');
  const about = /^my (.+? is .+)$/i.exec(plain)?.[1];
  if (about !== undefined) return `The user's ${mine(about)}`;
  const being = /^I(?: am|'m) (.+)$/i.exec(plain)?.[1];
  if (being !== undefined) return `The user is ${mine(being)}`;
  const [, verb = '', rest = ''] = /^I (?:also |just )?(\w+)(.*)$/i.exec(plain) ?? [];
  if (PAST.test(verb)) return `The user ${verb}${mine(rest)}`;
  return PRESENT[verb] === undefined ? undefined : `The user ${PRESENT[verb]}${mine(rest)}`;
}

const listFacts = (turns: readonly ScriptedTurn[]): readonly Fact[] =>
  turns
    .filter(({ speaker }) => speaker === 'user')
    .flatMap(({ sentences }) => sentences)
    .flatMap(([n, sentence]) => {
      const text = toThirdPerson(sentence);
      return text === undefined ? [] : [{ n, text, sentence }];
    });

function toCandidate({ n, text, sentence }: Fact): object {
  const when = WHEN.exec(sentence)?.[0];
  const categories = CATEGORIES.filter(([words]) => words.test(sentence)).map(([, name]) => name);
  return {
    ...{ first: n, last: n, subject: 'user', ...(when !== undefined && { when }), text },
    type: when === undefined ? 'semantic' : 'episodic',
    categories: categories.length === 0 ? ['identity'] : categories.slice(0, 3),
  };
}

/** Replaces a known fact that begins with the same three words and ends otherwise. */
function chooseByBeginning({ text, known }: ScriptedQuestion): string {
  const begin = (given: string): string => given.toLowerCase().split(' ').slice(0, 3).join(' ');
  const old = known.find((one) => begin(one.text) === begin(text));
  return old === undefined ? 'add' : `replace ${old.number}`;
}

/** Finds facts that users state of themselves. */
export const goodExtractor: MemoryScript = {
  extract: (turns) => listFacts(turns).map(toCandidate),
  choose: chooseByBeginning,
};

/** Takes every sentence of every turn for a fact of the user, twice. */
export const carelessExtractor: MemoryScript = {
  extract: (turns) =>
    turns
      .flatMap(({ sentences }) => sentences)
      .flatMap(([n, sentence]) => {
        const text = `The user says: ${sentence.trim()}`.slice(0, 300);
        const candidate = { first: n, last: n, subject: 'user', text, type: 'semantic', categories: ['private'] };
        return [candidate, candidate];
      })
      .slice(0, 24),
};

/** Adds names, numbers and dates to facts, changes their subject, and states facts that nobody said. */
export const hallucinatingExtractor: MemoryScript = {
  extract: (turns) =>
    listFacts(turns)
      .flatMap((fact) => {
        const told = toCandidate(fact);
        return [
          { ...told, text: `${fact.text} with Marcus` },
          { ...told, text: `${fact.text} for 17 years` },
          { ...told, text: `${fact.text} since 2011` },
          { ...told, text: `The user is a certified scuba instructor` },
          { ...told, subject: 'Marcus', text: fact.text.replace(/^The user/, 'Marcus') },
          { ...told, first: fact.n + 900, last: fact.n + 900 },
        ];
      })
      .slice(0, 24),
  choose: () => 'delete all',
  describe: () => [{ text: 'The user met Marcus in 2011', from: [1] }],
};
