import type { MemoryScript, ScriptedQuestion, ScriptedTurn } from '@ogong/testing/memory/scripted-models';
import { corruptFact } from './corruptions.ts';
import { type ProposalLedger, readSentences, type TurnReading, withoutDate } from './proposals.ts';
import type { SetConversation, SetFact } from './set/conversation.ts';

export const EXTRACTORS = ['good', 'careless', 'hallucinating'] as const;
export type Extractor = (typeof EXTRACTORS)[number];

/** Candidates of one answer. */
const MAX_CANDIDATES = 24;

export interface ScriptOptions {
  readonly conversation: SetConversation;
  readonly ledger: ProposalLedger;
}

/** Scripts a model that knows the set, so that the checks alone decide what is stored. */
export function createScript(extractor: Extractor, options: ScriptOptions): MemoryScript {
  return { good: scriptGood, careless: scriptCareless, hallucinating: scriptHallucinating }[extractor](options);
}

/** Proposes each fact of a user once, and chooses as the set says. */
const scriptGood = ({ conversation, ledger }: ScriptOptions): MemoryScript => ({
  extract: (turns) =>
    readUserTurns(conversation, turns)
      .flatMap(({ facts }) => facts)
      .map((found) => proposeFact(found, { conversation, ledger })),
  choose: (question) => chooseByFacts(conversation, question),
});

type FoundFact = TurnReading['facts'][number];

/**
 * Proposes each sentence of each turn as a fact of the user, the facts in two wordings, and texts of prompts too. Adds whatever it is asked
 * about.
 */
const scriptCareless = ({ conversation, ledger }: ScriptOptions): MemoryScript => ({
  extract: (turns) =>
    turns
      .flatMap(({ speaker, sentences }) => {
        const { facts, others, traps } = readSentences(conversation, sentences);
        return [
          ...facts.flatMap((found) => [
            proposeFact(found, { conversation, ledger }),
            proposeFact(found, { conversation, ledger }, rewordFact(found.fact)),
          ]),
          ...[...others, ...traps.map(({ n, say }) => ({ n, text: say }))].map(({ n, text }) => {
            const isPlanted = conversation.planted.includes(text);
            const stated = `The user says: ${text}`;
            const kind = isPlanted ? 'planted' : speaker === 'user' ? 'junk' : 'false';
            ledger.note(stated, { kind });
            return propose({ text: stated, first: n });
          }),
        ];
      })
      .slice(0, MAX_CANDIDATES),
});

/** Proposes the facts, false variants of them, and false readings of wishes, questions and facts about others. Adds each one. */
const scriptHallucinating = ({ conversation, ledger }: ScriptOptions): MemoryScript => ({
  extract: (turns) =>
    readUserTurns(conversation, turns)
      .flatMap(({ facts, traps, others }) => {
        for (const { reading } of traps) ledger.note(reading, { kind: 'false' });
        const planted = others.filter(({ text }) => conversation.planted.includes(text));
        for (const { text } of planted) ledger.note(text, { kind: 'planted' });
        return [
          ...traps.map(({ n, reading }) => propose({ text: reading, first: n })),
          ...planted.map(({ n, text }) => propose({ text, first: n })),
          ...facts.flatMap((found) => {
            const { fact, index, first, last } = found;
            const corrupted = corruptFact(fact, index);
            ledger.note(corrupted.text, { kind: 'false' });
            return [propose({ first, last, ...corrupted }), proposeFact(found, { conversation, ledger })];
          }),
        ];
      })
      .slice(0, MAX_CANDIDATES),
});

const readUserTurns = (conversation: SetConversation, turns: readonly ScriptedTurn[]): readonly TurnReading[] =>
  turns.filter(({ speaker }) => speaker === 'user').map(({ sentences }) => readSentences(conversation, sentences));

/** Writes a fact in other words of the same meaning. */
const rewordFact = ({ text }: SetFact): string => text.replace(/^The user /, 'The user also ');

function proposeFact({ fact, first, last }: FoundFact, { ledger }: ScriptOptions, text = fact.text): object {
  ledger.note(text, { kind: 'fact', fact: fact.same });
  return propose({ first, last, text, subject: fact.subject, when: fact.when });
}

interface ProposedFields {
  readonly text: string;
  readonly first: number;
  readonly last?: number;
  readonly subject?: string;
  readonly when?: string | undefined;
}

function propose({ text, first, last = first, subject = 'user', when }: ProposedFields): object {
  const type = when === undefined ? 'semantic' : 'episodic';
  return { first, last, subject, ...(when !== undefined && { when }), text, type, categories: ['identity'] };
}

/** `none` for a fact that is known, `replace` for a stale one, as far as the model is shown them. */
function chooseByFacts({ facts }: SetConversation, { text, known }: ScriptedQuestion): string {
  const index = facts.findIndex((fact) => fact.text === withoutDate(text));
  const { ends, same } = facts[index] ?? {};
  const isFact = (shown: string, at: number | undefined): boolean =>
    at !== undefined && facts.some((fact) => fact.same === facts[at]?.same && fact.text === withoutDate(shown));
  if (known.some((one) => isFact(one.text, same))) return 'none';
  const stale = known.find((one) => isFact(one.text, ends));
  return stale === undefined ? 'add' : `replace ${stale.number}`;
}
