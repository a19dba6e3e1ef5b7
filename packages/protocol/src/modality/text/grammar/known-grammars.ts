import { type CompiledGrammar, compileGrammar } from './machine.ts';

/** A request is read several times on its way; its grammar is compiled once. */
const MAX_KNOWN = 16;
const known = new Map<string, CompiledGrammar>();

/** A grammar by its text, compiled, from a few that are kept. @throws GrammarError */
export function findGrammar(text: string): CompiledGrammar {
  const found = known.get(text) ?? compileGrammar(text);
  known.delete(text);
  known.set(text, found);
  if (known.size > MAX_KNOWN) known.delete(known.keys().next().value as string);
  return found;
}
