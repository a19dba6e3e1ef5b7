import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const sources = fileURLToPath(new URL('../../../contracts/src/', import.meta.url));

const texts = new Map<string, string>();

/** Reads a constant from the source of a contract, so that models use the contract's figures. @throws Error if there is no such constant. */
export function readConstant(contract: string, name: string): number {
  const source = texts.get(contract) ?? readFileSync(`${sources}${contract}.sol`, 'utf8');
  texts.set(contract, source);
  const found = new RegExp(`\\bconstant ${name} = ([\\d_]+)( days?)?;`).exec(source);
  if (found?.[1] === undefined) throw new Error(`${contract}.sol has no constant ${name}`);
  return Number(found[1].replaceAll('_', '')) * (found[2] === undefined ? 1 : 86_400);
}
