import { type CompiledGrammar, compileGrammar } from './machine.ts';

/** The most cached grammars. A request is parsed several times on its way, and its grammar is compiled once. */
const MAX_KNOWN = 16;
const known = new Map<string, CompiledGrammar>();

/** Returns a compiled grammar by its text, from a small cache. @throws GrammarError */
export function findGrammar(text: string): CompiledGrammar {
  const found = known.get(text) ?? compileGrammar(text);
  known.delete(text);
  known.set(text, found);
  if (known.size > MAX_KNOWN) known.delete(known.keys().next().value as string);
  return found;
}
