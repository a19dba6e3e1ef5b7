import { schemaToGrammar } from '@ogong/protocol/modality/text/grammar/schema/schema-grammar';
import { type AttackDefinition, disguiseEngine } from '../attack.ts';
import { ANSWER_SCHEMA } from '../trial-requests.ts';

/** Draws under another grammar than the requested one, and commits the requested one. */
function defineMask(
  name: string,
  definition: Pick<AttackDefinition, 'aim' | 'caughtBy' | 'needs'> & { readonly grammar: string | undefined },
): AttackDefinition {
  const { grammar, ...said } = definition;
  return {
    ...{ name, family: 'sampling', ...said },
    create: ({ engine }) => ({
      ...{ name, aim: said.aim },
      engine: disguiseEngine(engine, {
        generate: (request, options) => engine.generate({ ...request, grammar }, options),
      }),
    }),
  };
}

const FIRST = Object.fromEntries(
  Object.entries(ANSWER_SCHEMA.properties).map(
    ([
      key,
      {
        enum: [value],
      },
    ]) => [key, value],
  ),
);

export const MASK_ATTACKS: readonly AttackDefinition[] = [
  defineMask('mask-ignored', {
    aim: 'spare the work of a grammar, or answer what it forbids',
    caughtBy: ['grammar', 'response-text'],
    needs: 'grammar',
    grammar: undefined,
  }),
  defineMask('mask-narrower', {
    aim: 'leave allowed tokens out, so that the answer is one that the provider chose',
    caughtBy: ['equality', 'own-choice'],
    needs: 'grammar',
    grammar: schemaToGrammar({ const: FIRST }),
  }),
  defineMask('mask-wider', {
    aim: 'list tokens that the grammar forbids, to take the draws of the others',
    caughtBy: ['grammar', 'response-text', 'equality', 'own-choice'],
    needs: 'grammar',
    grammar: `${schemaToGrammar(ANSWER_SCHEMA).replace('root ::= ', 'root ::= "[" | "null" | ')}`,
  }),
  defineMask('mask-unasked', {
    aim: 'bind an answer to a text that nobody asked for',
    caughtBy: ['listing', 'equality', 'own-choice'],
    grammar: 'root ::= "I cannot say." | "No."',
  }),
];
